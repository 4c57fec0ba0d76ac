//! From one style to the next, in live runs and in films with a schedule.

/// Seconds that it takes unless told otherwise.
pub(super) const SECONDS: f64 = 1.0;

/// Looks by their places, each with its weight.
pub(super) type Mix = Vec<(usize, f64)>;

/// A `share`, 0..1, of the way from a mix to one look alone. The weights add up to what they did, 1.
pub(super) fn toward(from: &[(usize, f64)], look: usize, share: f64) -> Mix {
    let mut mix: Mix = from.iter().map(|(look, weight)| (*look, weight * (1.0 - share))).collect();
    match mix.iter_mut().find(|(there, _)| *there == look) {
        Some((_, weight)) => *weight += share,
        None => mix.push((look, share)),
    }
    mix.retain(|(_, weight)| *weight > 1e-9);
    mix
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_the_way_leaves_the_rest_of_the_old() {
        assert_eq!(toward(&[(0, 1.0)], 1, 0.0), [(0, 1.0)]);
        assert_eq!(toward(&[(0, 1.0)], 1, 0.25), [(0, 0.75), (1, 0.25)]);
        assert_eq!(toward(&[(0, 0.75), (1, 0.25)], 0, 0.5), [(0, 0.875), (1, 0.125)]);
        assert_eq!(toward(&[(0, 0.75), (1, 0.25)], 2, 1.0), [(2, 1.0)]);
    }
}
