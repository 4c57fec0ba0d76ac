//! How long frames take from the camera to the eye.

/// Latencies of a run, in milliseconds, at a resolution of one.
#[derive(Debug, Clone, Default)]
pub struct Latencies {
    /// How many took so many milliseconds; the last place stands for all that is longer.
    counts: Vec<u64>,
    total: u64,
}

/// Longer than this is counted as this.
const LONGEST_MS: usize = 60_000;

impl Latencies {
    /// Counts one frame that took `seconds`.
    pub fn count(&mut self, seconds: f64) {
        let ms = ((seconds.max(0.0) * 1e3).round() as usize).min(LONGEST_MS);
        if self.counts.len() <= ms {
            self.counts.resize(ms + 1, 0);
        }
        self.counts[ms] += 1;
        self.total += 1;
    }

    /// The latency that this share (0..1) of the frames did not exceed, in milliseconds. `None` without
    /// frames.
    pub fn quantile_ms(&self, share: f64) -> Option<u64> {
        let rank = (share.clamp(0.0, 1.0) * self.total as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        let place = self.counts.iter().position(|count| {
            seen += count;
            seen >= rank
        });
        place.map(|ms| ms as u64)
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_sorted_list() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.quantile_ms(0.5), None);
        // 1 to 100 ms in some order.
        (0..100).for_each(|i| latencies.count(f64::from(i * 37 % 100 + 1) / 1e3));
        assert_eq!(latencies.quantile_ms(0.5), Some(50));
        assert_eq!(latencies.quantile_ms(0.95), Some(95));
        assert_eq!((latencies.quantile_ms(0.0), latencies.quantile_ms(1.0)), (Some(1), Some(100)));
        latencies.count(1e9);
        latencies.count(-1.0);
        assert_eq!((latencies.quantile_ms(0.0), latencies.quantile_ms(1.0)), (Some(0), Some(60_000)));
        latencies.clear();
        assert_eq!(latencies.quantile_ms(0.5), None);
    }
}
