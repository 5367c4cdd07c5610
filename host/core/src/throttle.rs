//! Rate-limits a log line to one per second, so that hostile logic cannot flood the log.

const INTERVAL_NS: u64 = 1_000_000_000;

/// When one kind of line was logged last.
#[derive(Clone, Copy, Debug, Default)]
pub struct Throttle {
    logged_ns: Option<u64>,
    not_logged: u64,
}

impl Throttle {
    /// How often the line was held back since it was logged last, if it may be logged now.
    pub fn may_log(&mut self, now_ns: u64) -> Option<u64> {
        if self.logged_ns.is_some_and(|logged| now_ns.saturating_sub(logged) < INTERVAL_NS) {
            self.not_logged = self.not_logged.saturating_add(1);
            return None;
        }
        self.logged_ns = Some(now_ns);
        Some(std::mem::take(&mut self.not_logged))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines that are held back are counted, or a reader of the log cannot tell how bad it is.
    #[test]
    fn a_line_is_logged_once_a_second_with_the_number_held_back() {
        let mut throttle = Throttle::default();
        let start = 5_000;
        assert_eq!(throttle.may_log(start), Some(0));
        for ms in 1..1000 {
            assert_eq!(throttle.may_log(start + ms * 1_000_000), None);
        }
        assert_eq!(throttle.may_log(start + INTERVAL_NS), Some(999));
        assert_eq!(throttle.may_log(start + INTERVAL_NS * 2), Some(0));
    }
}
