//! Looking for an answer for a short while before the thread sleeps: where another thread has the core on another processor, it
//! comes within microseconds, and to sleep and be woken takes longer.

use std::{
    hint,
    sync::{
        LazyLock,
        atomic::{AtomicU32, Ordering},
    },
    thread,
};

/// How often a thread looks at the most: some microseconds, as long as serving a few others takes.
const LOOKS_MAX: u32 = 256;
const LOOKS_MIN: u32 = 4;

/// With one processor, the thread that has the core waits for this one.
static ARE_THERE_OTHERS: LazyLock<bool> =
    LazyLock::new(|| thread::available_parallelism().is_ok_and(|processors| processors.get() > 1));

/// How long it pays at present: where more threads are busy than there are processors, the one that has the core may not be running.
#[derive(Debug)]
pub(super) struct Spinning {
    looks: AtomicU32,
}

impl Default for Spinning {
    fn default() -> Self {
        Self { looks: AtomicU32::new(LOOKS_MAX / 4) }
    }
}

impl Spinning {
    /// Looks until there is something, or for a short while. `None`: the thread had better sleep.
    pub(super) fn until<T>(&self, mut look: impl FnMut() -> Option<T>) -> Option<T> {
        let at_once = look();
        if at_once.is_some() || !*ARE_THERE_OTHERS {
            return at_once;
        }
        let looks = self.looks.load(Ordering::Relaxed);
        let found = (0..looks).find_map(|_| {
            hint::spin_loop();
            look()
        });
        // In vain, half as long the next time. Where threads do that at once, one of their words counts.
        let next = if found.is_some() { looks.saturating_add(looks / 4) } else { looks / 2 };
        self.looks.store(next.clamp(LOOKS_MIN, LOOKS_MAX), Ordering::Relaxed);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A thread that waits for one that does not run would keep it from running.
    #[test]
    fn looking_in_vain_becomes_short_and_finding_makes_it_long_again() {
        if !*ARE_THERE_OTHERS {
            return;
        }
        let spinning = Spinning::default();
        let looks_in_vain = || {
            let mut looks = 0;
            assert_eq!(
                spinning.until(|| {
                    looks += 1;
                    None::<()>
                }),
                None
            );
            looks
        };
        let first = looks_in_vain();
        let mut last = first;
        for _ in 0..20 {
            last = looks_in_vain();
        }
        assert!(last < first / 4, "{last} of {first}");
        for _ in 0..100 {
            let mut looks = 0;
            let found = spinning.until(|| {
                looks += 1;
                (looks > 3).then_some(())
            });
            assert_eq!(found, Some(()));
        }
        assert!(looks_in_vain() > first);
    }
}
