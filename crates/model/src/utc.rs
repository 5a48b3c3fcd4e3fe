//! Moments in UTC as text: civil dates from and to milliseconds since the epoch, without a time zone table.

use std::fmt;

const MS_PER_S: i64 = 1_000;
const MS_PER_DAY: i64 = 86_400_000;

/// First moment after the year 9999, milliseconds since the epoch: later ones have no four-digit year.
const END_MS: i64 = 253_402_300_800_000;

/// Longest text that is looked at, in bytes.
const MAX_TEXT: usize = 40;

/// A moment taken apart, UTC in the Gregorian calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Utc {
    pub year: i64,
    /// 1 to 12.
    pub month: u32,
    /// 1 to 31.
    pub day: u32,
    pub hour: u32,
    pub minute: u32,
    pub second: u32,
    pub millisecond: u32,
}

/// Why a text is not a moment in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UtcError {
    #[error("enter a date and time in UTC, as `2026-11-21T14:05`")]
    Shape,
    #[error("there is no such day or time")]
    Calendar,
    #[error("only years from 1970 to 9999 are possible")]
    Range,
}

impl Utc {
    /// Takes apart `ms` milliseconds since the epoch, negative ones included.
    pub fn from_ms(ms: i64) -> Self {
        let (year, month, day) = civil_of(ms.div_euclid(MS_PER_DAY));
        let rest = u32::try_from(ms.rem_euclid(MS_PER_DAY)).expect("a day's milliseconds fit");
        Self {
            year,
            month,
            day,
            hour: rest / 3_600_000,
            minute: rest / 60_000 % 60,
            second: rest / 1_000 % 60,
            millisecond: rest % 1_000,
        }
    }

    /// Returns milliseconds since the epoch, `None` where the calendar has no such moment.
    pub fn ms(self) -> Option<i64> {
        let days = days_of(self.year, self.month, self.day);
        let legal = (1..=12).contains(&self.month)
            && civil_of(days) == (self.year, self.month, self.day)
            && self.hour < 24
            && self.minute < 60
            && self.second < 60
            && self.millisecond < 1_000;
        let seconds = i64::from(self.hour * 3_600 + self.minute * 60 + self.second);
        legal.then(|| days * MS_PER_DAY + seconds * MS_PER_S + i64::from(self.millisecond))
    }
}

/// `2026-11-21T14:05:00`, with milliseconds where there are any: what `<input type=datetime-local>` takes.
impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = (self.year, self.month, self.day);
        let (hour, minute, second) = (self.hour, self.minute, self.second);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
        )?;
        if self.millisecond > 0 {
            write!(f, ".{:03}", self.millisecond)?;
        }
        Ok(())
    }
}

/// Reads `2026-11-21T14:05`, with seconds, a fraction of up to three digits, a final `Z` or ` UTC`, or a space for the
/// `T`, as wanted; returns milliseconds since the epoch, 0 to the end of the year 9999.
pub fn parse_ms(text: &str) -> Result<i64, UtcError> {
    let text = text.trim();
    if text.len() > MAX_TEXT || !text.is_ascii() {
        return Err(UtcError::Shape);
    }
    let text = text
        .strip_suffix(['Z', 'z'])
        .or_else(|| text.strip_suffix(" UTC"))
        .unwrap_or(text);
    let (date, time) = text.split_once(['T', 't', ' ']).ok_or(UtcError::Shape)?;
    let [year, month, day] = fields(date, '-', [4, 2, 2]).ok_or(UtcError::Shape)?;
    let (time, millisecond) = match time.split_once('.') {
        Some((time, fraction)) => (time, thousandths(fraction).ok_or(UtcError::Shape)?),
        None => (time, 0),
    };
    let with_seconds = fields(time, ':', [2, 2, 2]);
    let without = || fields(time, ':', [2, 2]).map(|[hour, minute]| [hour, minute, 0]);
    let [hour, minute, second] = with_seconds.or_else(without).ok_or(UtcError::Shape)?;
    let moment = Utc {
        year: i64::from(year),
        month,
        day,
        hour,
        minute,
        second,
        millisecond,
    };
    let ms = moment.ms().ok_or(UtcError::Calendar)?;
    if (0..END_MS).contains(&ms) {
        Ok(ms)
    } else {
        Err(UtcError::Range)
    }
}

/// Splits `text` into exactly `N` numbers of these many digits each.
fn fields<const N: usize>(text: &str, separator: char, digits: [usize; N]) -> Option<[u32; N]> {
    let mut found = [0; N];
    let mut parts = text.split(separator);
    for (slot, width) in found.iter_mut().zip(digits) {
        *slot = number(parts.next()?, width)?;
    }
    parts.next().is_none().then_some(found)
}

fn number(text: &str, digits: usize) -> Option<u32> {
    let all_digits = text.len() == digits && text.bytes().all(|b| b.is_ascii_digit());
    all_digits.then(|| text.parse().ok()).flatten()
}

fn thousandths(fraction: &str) -> Option<u32> {
    let scale = match fraction.len() {
        1 => 100,
        2 => 10,
        3 => 1,
        _ => return None,
    };
    number(fraction, fraction.len()).map(|n| n * scale)
}

/// Days since the epoch of a civil date. Years are counted from March, so that the leap day is a year's last.
fn days_of(year: i64, month: u32, day: u32) -> i64 {
    let month = i64::from(month);
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + i64::from(day) - 1;
    let day_of_era = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    era * DAYS_PER_ERA + day_of_era - DAYS_TO_EPOCH
}

/// The civil date of days since the epoch; the inverse of [`days_of`].
fn civil_of(days: i64) -> (i64, u32, u32) {
    let days = days + DAYS_TO_EPOCH;
    let (era, day) = (days.div_euclid(DAYS_PER_ERA), days.rem_euclid(DAYS_PER_ERA));
    let of_era = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * of_era + of_era / 4 - of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = (from_march + 2) % 12 + 1;
    let year = era * 400 + of_era + i64::from(month <= 2);
    let small = |n: i64| u32::try_from(n).expect("months and days of a month are small");
    (year, small(month), small(day))
}

/// Days of 400 Gregorian years.
const DAYS_PER_ERA: i64 = 146_097;

/// Days from March 1 of the year 0 to January 1, 1970.
const DAYS_TO_EPOCH: i64 = 719_468;

#[cfg(test)]
mod tests;
