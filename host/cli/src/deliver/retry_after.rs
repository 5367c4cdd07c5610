//! The header `Retry-After`: seconds, or a date as HTTP writes it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long to wait; `None` where the header says nothing that can be understood.
pub(super) fn parse(text: &str) -> Option<Duration> {
    parse_at(text, SystemTime::now())
}

fn parse_at(text: &str, now: SystemTime) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = UNIX_EPOCH.checked_add(Duration::from_secs(seconds_of_date(text.trim())?))?;
    Some(until.duration_since(now).unwrap_or_default())
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` as seconds since 1970. The two older forms are not understood: no server sends them.
fn seconds_of_date(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (_, date) = text.strip_suffix(" GMT")?.split_once(", ")?;
    let mut words = date.split(' ');
    let day: u64 = words.next()?.parse().ok()?;
    let name = words.next()?;
    let month = u64::try_from(MONTHS.iter().position(|month| *month == name)?).ok()? + 1;
    let year: u64 = words.next()?.parse().ok()?;
    let mut time = words.next()?.splitn(3, ':').map(|part| part.parse::<u64>().ok());
    let (hours, minutes, seconds) = (time.next()??, time.next()??, time.next()??);
    let in_range = (1970..=9999).contains(&year) && day <= 31 && hours < 24 && minutes < 60 && seconds <= 60;
    if !in_range {
        return None;
    }
    // Years that begin in March have their leap day at the end.
    let year = if month > 2 { year } else { year - 1 };
    let months_since_march = (month + 9) % 12;
    let day_of_year = (153 * months_since_march + 2) / 5 + day - 1;
    let days_before_year = year * 365 + year / 4 - year / 100 + year / 400;
    let days = (days_before_year + day_of_year).checked_sub(719_468)?;
    Some(days * 86_400 + hours * 3600 + minutes * 60 + seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An endpoint that is overloaded says when to come back; a shipper that does not hear it keeps it down.
    #[test]
    fn seconds_and_dates_are_understood() {
        let now = UNIX_EPOCH + Duration::from_secs(784_111_700);
        assert_eq!(parse_at("120", now), Some(Duration::from_mins(2)));
        assert_eq!(parse_at("Sun, 06 Nov 1994 08:49:37 GMT", now), Some(Duration::from_secs(77)));
        assert_eq!(parse_at("Sun, 06 Nov 1994 08:00:00 GMT", now), Some(Duration::ZERO), "it is past");
        for text in ["", "-1", "soon", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun, 06 Nov 1994 08:49 GMT"] {
            assert_eq!(parse_at(text, now), None, "{text:?}");
        }
        assert_eq!(seconds_of_date("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(seconds_of_date("Thu, 29 Feb 2024 12:00:00 GMT"), Some(1_709_208_000));
        assert_eq!(seconds_of_date("Tue, 31 Dec 2030 23:59:59 GMT"), Some(1_924_991_999));
    }
}
