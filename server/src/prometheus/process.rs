//! Facts about this process, under the names that every Prometheus client uses.

use super::Page;

/// Kernel clock ticks a second; Linux fixes this value for user space (`USER_HZ`).
const TICKS_PER_S: f64 = 100.0;
/// Bytes of a memory page on the platforms we build for.
const PAGE_BYTES: f64 = 4_096.0;

/// Returns CPU time, resident memory and open files, as far as the kernel tells them.
pub fn facts() -> String {
    let mut page = Page::default();
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    if let Some((cpu_s, resident_bytes)) = read_stat(&stat) {
        let name = "process_cpu_seconds_total";
        page.family(
            name,
            "counter",
            "CPU time of this process, user and system.",
        );
        page.sample(name, "", cpu_s);
        let name = "process_resident_memory_bytes";
        page.family(name, "gauge", "Resident memory of this process.");
        page.sample(name, "", resident_bytes);
    }
    if let Ok(files) = std::fs::read_dir("/proc/self/fd") {
        let name = "process_open_fds";
        page.family(name, "gauge", "Open file descriptors of this process.");
        page.sample(name, "", files.count() as f64);
    }
    page.finish()
}

/// Reads proc(5) `stat`: fields 14 and 15 are CPU ticks, field 24 resident pages. Field 2 may hold spaces, so count
/// from its closing bracket.
fn read_stat(stat: &str) -> Option<(f64, f64)> {
    let (_, rest) = stat.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split(' ').collect();
    let number = |field: usize| fields.get(field - 3)?.parse::<f64>().ok();
    Some((
        (number(14)? + number(15)?) / TICKS_PER_S,
        number(24)? * PAGE_BYTES,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_and_open_files() {
        let text = facts();
        for name in [
            "process_cpu_seconds_total ",
            "process_resident_memory_bytes ",
            "process_open_fds ",
        ] {
            assert!(text.contains(name), "{text}");
        }
    }

    #[test]
    fn a_name_with_spaces_and_brackets_does_not_shift_the_fields() {
        let mut fields = vec!["0"; 22];
        (fields[0], fields[11], fields[12], fields[21]) = ("S", "150", "50", "10");
        let stat = format!("1 (a b) c) {}", fields.join(" "));
        assert_eq!(read_stat(&stat), Some((2.0, 40_960.0)));
    }
}
