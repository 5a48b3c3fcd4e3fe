//! The offset map of one partition: which destination offset holds which source record.
//!
//! Run-length segments in growing source and destination order. Segments are stored in chunks, so that one tick writes
//! only what changed: a chunk that is full never changes again.

use serde::{Deserialize, Serialize};

use super::position::Anchor;

/// Segments of one stored chunk.
pub const CHUNK: usize = 256;

/// `length` records that lie at growing offsets from both starts on. Serialised as an array of three numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(i64, i64, i64)", into = "(i64, i64, i64)")]
pub struct Segment {
    pub source_start: i64,
    pub destination_start: i64,
    pub length: i64,
}

impl Segment {
    /// Says whether every offset of the segment, and the one after it, exists on both sides.
    pub fn is_possible(&self) -> bool {
        let ends = |start: i64| start >= 0 && start.checked_add(self.length).is_some();
        self.length > 0 && ends(self.source_start) && ends(self.destination_start)
    }
}

impl From<(i64, i64, i64)> for Segment {
    fn from((source_start, destination_start, length): (i64, i64, i64)) -> Self {
        Self {
            source_start,
            destination_start,
            length,
        }
    }
}

impl From<Segment> for (i64, i64, i64) {
    fn from(segment: Segment) -> Self {
        (
            segment.source_start,
            segment.destination_start,
            segment.length,
        )
    }
}

/// All segments of a partition since its anchor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OffsetMap {
    segments: Vec<Segment>,
    /// First chunk that differs from what was stored.
    dirty_from: Option<usize>,
}

impl OffsetMap {
    /// Returns the segments, oldest first.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Adds a segment behind the others, merged with the last one where it continues it. What the map already says
    /// about the destination offsets of the segment is replaced: a log that went back is written anew.
    pub fn push(&mut self, segment: Segment) {
        if segment.length <= 0 {
            return;
        }
        self.cut(segment.destination_start);
        let index = match self.segments.last_mut() {
            Some(last)
                if last.source_start + last.length == segment.source_start
                    && last.destination_start + last.length == segment.destination_start =>
            {
                last.length += segment.length;
                self.segments.len() - 1
            }
            _ => {
                self.segments.push(segment);
                self.segments.len() - 1
            }
        };
        self.touch(index);
    }

    /// Forgets everything at and above a destination offset.
    pub fn cut(&mut self, destination_end: i64) {
        while let Some(last) = self.segments.last_mut() {
            if last.destination_start + last.length <= destination_end {
                return;
            }
            if last.destination_start < destination_end {
                last.length = destination_end - last.destination_start;
                let index = self.segments.len() - 1;
                return self.touch(index);
            }
            self.segments.pop();
            self.touch(self.segments.len());
        }
    }

    /// Returns the destination offset at which a reader who read all below `source` goes on (SEMANTICS 7).
    pub fn translate(&self, anchor: Anchor, source: i64) -> i64 {
        let after = self
            .segments
            .partition_point(|s| s.source_start + s.length <= source);
        match self.segments.get(after) {
            Some(s) if source > s.source_start => s.destination_start + (source - s.source_start),
            Some(s) => s.destination_start,
            None => self
                .segments
                .last()
                .map_or(anchor.destination_end, |s| s.destination_start + s.length),
        }
    }

    /// Returns the source offset after the record at `destination_end - 1`; `None` where the map does not hold it.
    pub fn source_after(&self, anchor: Anchor, destination_end: i64) -> Option<i64> {
        if destination_end == anchor.destination_end {
            return Some(anchor.source_start);
        }
        let last = destination_end - 1;
        let holder = self
            .segments
            .iter()
            .rev()
            .find(|s| s.destination_start <= last && last < s.destination_start + s.length)?;
        Some(holder.source_start + (destination_end - holder.destination_start))
    }

    /// Returns how many records of ours lie at and above a destination offset.
    pub fn records_from(&self, destination: i64) -> i64 {
        let above = self.segments.iter().rev();
        above
            .map(|s| s.destination_start + s.length - s.destination_start.max(destination))
            .take_while(|length| *length > 0)
            .sum()
    }

    /// Returns the chunks that changed since the last call, by number; an emptied one is `None`.
    pub fn take_dirty(&mut self) -> Vec<(usize, Option<Vec<Segment>>)> {
        let Some(first) = self.dirty_from.take() else {
            return Vec::new();
        };
        let chunks = self.segments.len().div_ceil(CHUNK);
        let mut dirty: Vec<_> = (first..chunks)
            .map(|chunk| {
                let end = self.segments.len().min((chunk + 1) * CHUNK);
                (chunk, Some(self.segments[chunk * CHUNK..end].to_vec()))
            })
            .collect();
        if dirty.is_empty() {
            dirty.push((first, None));
        }
        dirty
    }

    /// Marks everything as changed: what [`OffsetMap::take_dirty`] returned may not have been stored.
    pub fn unstored(&mut self) {
        self.dirty_from = Some(0);
    }

    /// Builds a map from stored chunks in order of their numbers.
    pub fn from_chunks(chunks: impl IntoIterator<Item = Vec<Segment>>) -> Self {
        let mut map = Self::default();
        for segment in chunks.into_iter().flatten() {
            map.push(segment);
        }
        map.dirty_from = None;
        map
    }

    fn touch(&mut self, segment: usize) {
        let chunk = segment / CHUNK;
        self.dirty_from = Some(self.dirty_from.map_or(chunk, |first| first.min(chunk)));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ANCHOR: Anchor = Anchor {
        source_start: 0,
        destination_end: 0,
    };

    /// Gaps and runs in turn, as source offsets of records at destination offsets 0, 1, …
    fn build(parts: &[(i64, i64)]) -> (OffsetMap, Vec<i64>) {
        let (mut map, mut sources, mut source) = (OffsetMap::default(), Vec::new(), 0);
        for &(gap, length) in parts {
            source += gap;
            let destination_start = i64::try_from(sources.len()).unwrap();
            map.push(Segment {
                source_start: source,
                destination_start,
                length,
            });
            sources.extend(source..source + length);
            source += length;
        }
        (map, sources)
    }

    proptest! {
        #[test]
        fn translation_is_exact_in_both_directions(
            parts in prop::collection::vec((0..3_i64, 1..5_i64), 1..400), probe in any::<prop::sample::Index>()
        ) {
            let (map, sources) = build(&parts);
            let at = probe.index(sources.len());
            let destination = i64::try_from(at).unwrap();
            prop_assert_eq!(map.translate(ANCHOR, sources[at]), destination);
            prop_assert_eq!(map.source_after(ANCHOR, destination + 1), Some(sources[at] + 1));
            let above = i64::try_from(sources.len()).unwrap() - destination;
            prop_assert_eq!(map.records_from(destination), above);
        }

        #[test]
        fn stored_chunks_rebuild_the_map(
            parts in prop::collection::vec((1..3_i64, 1..5_i64), 1..700), cut in 0..2000_i64, first in 0..700_usize
        ) {
            let (whole, _) = build(&parts);
            let mut stored = std::collections::BTreeMap::new();
            let mut map = OffsetMap::default();
            for (index, segment) in whole.segments().iter().enumerate() {
                map.push(*segment);
                if index == first {
                    stored.extend(map.take_dirty());
                }
            }
            map.cut(cut);
            for (chunk, segments) in map.take_dirty() {
                stored.insert(chunk, segments);
            }
            let last = map.segments().len().div_ceil(CHUNK);
            let chunks = stored.into_iter().filter(|c| c.0 < last).filter_map(|c| c.1);
            let rebuilt = OffsetMap::from_chunks(chunks);
            prop_assert_eq!(rebuilt.segments(), map.segments());
        }
    }
}
