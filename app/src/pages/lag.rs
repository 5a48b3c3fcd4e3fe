//! How far behind a link is, as pages tell it: how much of it is known, and as of when (UX 2.3).

use model::format;
use serde::{Deserialize, Serialize};

/// Age from which a lag is no longer told as one that holds, milliseconds.
#[cfg(feature = "ssr")]
const OLD_MS: i64 = 5 * 60_000;

/// A link's lag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lag {
    pub time_ms: Option<i64>,
    /// Of the partitions whose lag is known.
    pub records: Option<i64>,
    pub partitions: u32,
    /// Partitions whose lag is not known.
    pub unknown: u32,
    /// The last moment for which it surely holds, milliseconds since the epoch UTC; `None` while it is measured.
    pub as_of_ms: Option<i64>,
    /// Whether that is so long ago that it says nothing about now.
    pub is_old: bool,
}

impl Lag {
    /// Takes the lag out of a link's status.
    #[cfg(feature = "ssr")]
    pub fn of(status: &model::status::LinkStatus, now_ms: i64) -> Self {
        let (partitions, unknown) = status.partitions_and_unknown();
        let as_of_ms = status.lag_as_of_ms();
        Self {
            time_ms: status.lag_time_ms,
            records: status.lag_records,
            partitions: partitions as u32,
            unknown: unknown as u32,
            as_of_ms,
            is_old: as_of_ms.is_some_and(|ms| now_ms - ms >= OLD_MS),
        }
    }

    /// Returns the lag in time: `4.2 s`, `up to date`, `at least 4.2 s`, or that it is unknown.
    pub fn time(&self) -> String {
        match self.is_old {
            true => format::lag(None, None),
            false => self.last_time(),
        }
    }

    fn last_time(&self) -> String {
        match (self.time_ms, self.records, self.unknown) {
            (time_ms, records, 0) => format::lag(time_ms, records),
            (Some(1..), Some(1..), _) => format!("at least {}", format::lag(self.time_ms, None)),
            _ => format::lag(None, None),
        }
    }

    /// Returns the lag in records, with what is not known of it and, where it is not one of now, as of when.
    pub fn records(&self) -> String {
        let records = amount(self.records, self.unknown, self.partitions);
        match (self.as_of_ms, self.records) {
            (None, _) | (_, None) => records,
            (Some(ms), Some(0)) if self.is_old && self.unknown == 0 => {
                format!("last up to date at {}", format::moment(ms))
            }
            (Some(ms), _) if self.is_old => {
                format!(
                    "last {}, {records} at {}",
                    self.last_time(),
                    format::moment(ms)
                )
            }
            (Some(ms), _) => format!("{records} as of {} UTC", format::time(ms)),
        }
    }
}

/// Returns a number of records: `1,830 records`, `at least 1,830 records (3 of 120 partitions unknown)`, or `unknown`.
pub fn amount(records: Option<i64>, unknown: u32, partitions: u32) -> String {
    let text = format::records_or_unknown(records);
    match (records, unknown) {
        (None, _) | (_, 0) => text,
        _ => format!("at least {text} ({unknown} of {partitions} partitions unknown)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEASURED: Lag = Lag {
        time_ms: Some(4_200),
        records: Some(1_830),
        partitions: 12,
        unknown: 0,
        as_of_ms: None,
        is_old: false,
    };

    fn texts(lag: Lag) -> [String; 2] {
        [lag.time(), lag.records()]
    }

    #[test]
    fn a_lag_that_is_measured_is_told_as_it_is() {
        assert_eq!(texts(MEASURED), ["4.2 s", "1,830 records"]);
        let level = Lag {
            time_ms: Some(0),
            records: Some(0),
            ..MEASURED
        };
        assert_eq!(texts(level), ["up to date", "0 records"]);
        assert_eq!(texts(Lag::default()), ["unknown", "unknown"]);
    }

    #[test]
    fn one_unknown_partition_keeps_a_link_from_being_up_to_date() {
        let part = Lag {
            unknown: 3,
            ..MEASURED
        };
        let unknown = "(3 of 12 partitions unknown)";
        assert_eq!(
            texts(part),
            [
                "at least 4.2 s".to_owned(),
                format!("at least 1,830 records {unknown}")
            ]
        );
        let level = Lag {
            time_ms: Some(0),
            records: Some(0),
            ..part
        };
        assert_eq!(
            texts(level),
            [
                "unknown".to_owned(),
                format!("at least 0 records {unknown}")
            ]
        );
    }

    #[test]
    fn the_lag_of_a_link_that_stands_still_is_told_with_its_moment() {
        let paused = Lag {
            as_of_ms: Some(1_795_269_731_000),
            ..MEASURED
        };
        assert_eq!(texts(paused), ["4.2 s", "1,830 records as of 14:02:11 UTC"]);
        let long_ago = Lag {
            is_old: true,
            ..paused
        };
        assert_eq!(
            texts(long_ago),
            [
                "unknown",
                "last 4.2 s, 1,830 records at 2026-11-21 14:02:11 UTC"
            ]
        );
    }
}
