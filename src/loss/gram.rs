//! The Gram matrix: which features appear together, and nothing of where.
//!
//! `G = F Fᵀ / (H·W)` for features `F` of shape `[C, H·W]`: Gatys et al. (2016), eq. 3, divided by the
//! number of positions so that pictures of different sizes can be compared.

/// A Gram matrix, symmetric, shape `[C, C]`, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Gram {
    channels: usize,
    values: Vec<f32>,
}

impl Gram {
    /// Takes `channels²` values, or `None` if the number is another.
    pub fn new(channels: usize, values: Vec<f32>) -> Option<Self> {
        (values.len() == channels * channels).then_some(Self { channels, values })
    }

    /// `C`.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// The values, row-major.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The mean of several matrices of one layer, weighted; weights are normalised to a sum of 1.
    /// `None` for an empty list, disagreeing shapes, or weights that do not add up to something
    /// positive.
    pub fn blend(parts: &[(&Self, f64)]) -> Option<Self> {
        let (first, _) = parts.first()?;
        let sum: f64 = parts.iter().map(|(_, weight)| weight).sum();
        if !(sum > 0.0 && sum.is_finite()) || parts.iter().any(|(gram, _)| gram.channels != first.channels) {
            return None;
        }
        let values = (0..first.values.len())
            .map(|i| parts.iter().map(|(gram, w)| f64::from(gram.values[i]) * w / sum).sum::<f64>() as f32)
            .collect();
        Some(Self { channels: first.channels, values })
    }

    /// `‖G‖²`, the squared Frobenius norm.
    pub fn norm_squared(&self) -> f64 {
        self.values.iter().map(|&v| f64::from(v) * f64::from(v)).sum()
    }

    /// `‖G − other‖²`.
    pub fn distance_squared(&self, other: &Self) -> f64 {
        self.values.iter().zip(&other.values).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blend_is_the_weighted_mean() {
        let a = Gram::new(1, vec![1.0]).unwrap();
        let b = Gram::new(1, vec![4.0]).unwrap();
        assert_eq!(Gram::blend(&[(&a, 2.0), (&b, 1.0)]).unwrap().values(), [2.0]);
        assert!(Gram::blend(&[]).is_none());
        assert!(Gram::blend(&[(&a, 0.0)]).is_none());
        assert!(Gram::blend(&[(&a, f64::NAN)]).is_none());
    }
}
