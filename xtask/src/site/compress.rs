//! Compressed copies beside the files, so that a server sends them without work.

use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use brotli::enc::BrotliEncoderParams;
use flate2::{Compression, write::GzEncoder};

use super::inputs::collect;
use crate::causeway::Profile;

/// Ends of names whose content shrinks; pictures and fonts are compressed already.
const COMPRESSIBLE: &[&str] = &[
    "css",
    "html",
    "ico",
    "js",
    "json",
    "map",
    "svg",
    "txt",
    "wasm",
    "webmanifest",
    "xml",
];

/// How hard is tried: a development build is needed soon, a release is loaded often.
#[derive(Clone, Copy)]
struct Effort {
    brotli: i32,
    gzip: u32,
}

impl Effort {
    fn of(profile: Profile) -> Self {
        match profile {
            Profile::Release => Self {
                brotli: 11,
                gzip: 9,
            },
            Profile::Dev => Self { brotli: 3, gzip: 1 },
        }
    }
}

/// Writes a `.gz` and a `.br` beside each file below `folder` that shrinks.
///
/// # Errors
/// Fails when a file cannot be read or written.
pub(super) fn all(folder: &Path, profile: Profile) -> Result<()> {
    let mut files = Vec::new();
    collect(folder, &mut files)?;
    let effort = Effort::of(profile);
    for file in files {
        let end = file.extension().and_then(|end| end.to_str());
        if end.is_some_and(|end| COMPRESSIBLE.contains(&end)) {
            compress(&file, effort)
                .with_context(|| format!("cannot compress {}", file.display()))?;
        }
    }
    Ok(())
}

fn compress(file: &Path, effort: Effort) -> Result<()> {
    let content = fs::read(file)?;
    let mut gzip = GzEncoder::new(
        File::create(beside(file, "gz"))?,
        Compression::new(effort.gzip),
    );
    gzip.write_all(&content)?;
    gzip.finish()?;
    let parameters = BrotliEncoderParams {
        quality: effort.brotli,
        size_hint: content.len(),
        ..BrotliEncoderParams::default()
    };
    let mut out = File::create(beside(file, "br"))?;
    brotli::BrotliCompress(&mut content.as_slice(), &mut out, &parameters)?;
    Ok(())
}

/// Returns the file's path with another end behind its own: `main.css.br`.
fn beside(file: &Path, end: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".");
    name.push(end);
    name.into()
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn copies_unpack_to_the_original_and_pictures_get_none() {
        let folder = std::env::temp_dir().join(format!("site-{}", uuid::Uuid::new_v4()));
        fs::create_dir_all(folder.join("pkg")).unwrap();
        let text = "body { color: red }\n".repeat(500);
        fs::write(folder.join("pkg/main.css"), &text).unwrap();
        fs::write(folder.join("picture.png"), [0; 64]).unwrap();
        all(&folder, Profile::Release).unwrap();

        let mut unpacked = String::new();
        let packed = fs::read(folder.join("pkg/main.css.gz")).unwrap();
        flate2::read::GzDecoder::new(packed.as_slice())
            .read_to_string(&mut unpacked)
            .unwrap();
        assert_eq!(unpacked, text);
        let packed = fs::read(folder.join("pkg/main.css.br")).unwrap();
        let mut unpacked = Vec::new();
        brotli::BrotliDecompress(&mut packed.as_slice(), &mut unpacked).unwrap();
        assert_eq!(unpacked, text.as_bytes());
        assert!(!folder.join("picture.png.br").exists());
        fs::remove_dir_all(folder).unwrap();
    }
}
