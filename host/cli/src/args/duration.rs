//! Times as people write them, such as `500ms` and `2s`, within the limits of their option.

use std::time::Duration;

/// A limit, and its name in an error.
type Limit = (Duration, &'static str);

const NONE: Limit = (Duration::ZERO, "0s");
const MILLISECOND: Limit = (Duration::from_millis(1), "1ms");
const HOUR: Limit = (Duration::from_hours(1), "1h");
const DAY: Limit = (Duration::from_hours(24), "1day");
const MILLISECONDS_MAX: Limit = (Duration::from_hours(24 * 49), "49days");

/// A time between syncs. The logic counts it in milliseconds, in 32 bits.
pub(crate) fn interval(text: &str) -> Result<Duration, String> {
    within(text, MILLISECOND, MILLISECONDS_MAX)
}

/// A wait that may be none.
pub(super) fn up_to_a_day(text: &str) -> Result<Duration, String> {
    within(text, NONE, DAY)
}

/// A wait that may be none, and holds up what waits.
pub(super) fn up_to_an_hour(text: &str) -> Result<Duration, String> {
    within(text, NONE, HOUR)
}

/// A pause between attempts, or a time for something to happen: none would keep a processor busy, or leave no time.
pub(super) fn some_up_to_a_day(text: &str) -> Result<Duration, String> {
    within(text, MILLISECOND, DAY)
}

/// A time within limits. What is added to the present must not overflow, so there is always a longest one.
fn within(text: &str, (least, least_name): Limit, (most, most_name): Limit) -> Result<Duration, String> {
    let time = humantime::parse_duration(text)
        .map_err(|_| "give a number and a unit, such as 500ms or 2s".to_owned())?;
    if (least..=most).contains(&time) {
        return Ok(time);
    }
    Err(format!("give a time from {least_name} to {most_name}"))
}

/// A pause in seconds, as `watch` takes it.
pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| {
        "give a number of seconds, such as --watch=5; a directory goes before --watch, or after --watch=2"
            .to_owned()
    })?;
    let pause = Duration::try_from_secs_f64(seconds).ok();
    let in_range = |pause: &Duration| (Duration::from_millis(100)..=DAY.0).contains(pause);
    pause.filter(in_range).ok_or_else(|| "give a number of seconds from 0.1 to 86400".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An interval of nothing would sync without end; one of a thousand years overflows what it is added to.
    #[test]
    fn a_time_is_within_limits() {
        assert_eq!(interval("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(interval("2s"), Ok(Duration::from_secs(2)));
        for text in ["", "0s", "10us", "500", "50days", "1000years", "99999999999999999999s"] {
            assert!(interval(text).is_err(), "{text:?}");
        }
        assert_eq!(up_to_a_day("0s"), Ok(Duration::ZERO));
        assert!(up_to_an_hour("0s").is_ok() && up_to_an_hour("61m").is_err());
        assert_eq!(some_up_to_a_day("0s"), Err("give a time from 1ms to 1day".to_owned()));
        assert!(some_up_to_a_day("25h").is_err());
    }

    /// A pause of nothing would keep a processor busy.
    #[test]
    fn a_pause_has_a_length() {
        let (five, half) = (Duration::from_secs(5), Duration::from_millis(500));
        assert_eq!((seconds("5"), seconds("0.5")), (Ok(five), Ok(half)));
        for text in ["", "0", "-1", "q", "NaN", "1e15", "1e300"] {
            assert!(seconds(text).is_err(), "{text:?}");
        }
    }
}
