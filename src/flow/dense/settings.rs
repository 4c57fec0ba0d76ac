//! How motion is looked for.

/// An estimator's settings; [`Default`] is as careful as painting needs.
///
/// The weights count for grey values 0..255, as in Kroeger et al. (2016).
#[derive(Debug, Clone, PartialEq)]
pub struct DenseFlow {
    /// The finest level of the pyramid that is looked at: 0 the frame itself, 1 half its size, which takes
    /// about a third of the time and makes more than twice the error. Default: 0.
    pub finest_scale: usize,
    /// Pixels from one patch to the next, 1 to 8. Default: 3.
    pub stride: usize,
    /// How often a patch's vector is improved at most, on each level. Default: 3.
    pub steps: usize,
    /// How often patches ask their neighbours, on each level. Default: 2.
    pub rounds: usize,
    /// How often the refinement follows the flow to look at the other frame, at the finest level; once at
    /// the others. 0 leaves out refinement everywhere. Default: 2.
    pub warps: usize,
    /// How often the refinement weighs anew what pixels say. Default: 3.
    pub refinements: usize,
    /// Sweeps of relaxation for each of them. Default: 5.
    pub sweeps: usize,
    /// Weight of a smooth flow (α). Default: 20.
    pub smoothness: f32,
    /// Weight of grey values that stay the same (δ). Default: 5.
    pub brightness: f32,
    /// Weight of slopes that stay the same (γ). Default: 10.
    pub slopes: f32,
}

impl Default for DenseFlow {
    fn default() -> Self {
        Self {
            finest_scale: 0,
            stride: 3,
            steps: 3,
            rounds: 2,
            warps: 2,
            refinements: 3,
            sweeps: 5,
            smoothness: 20.0,
            brightness: 5.0,
            slopes: 10.0,
        }
    }
}
