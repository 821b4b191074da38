//! What a tile gives up when it grows too large.
//!
//! A tile over its limit gives up, in this order and until it fits:
//!
//! 1. detail: lines and borders of features as they were delivered move by up to one pixel;
//! 2. attributes, but for `data_origin` and one that serves as a label;
//! 3. features, those first that paint the fewest pixels: a feature that paints n pixels and
//!    has drawn the number u, over 0 and up to 1, stays while n/u is over a rising floor. So
//!    of many alike a fair share stays, the same share everywhere, and nothing depends on the
//!    order in which features lie in the store.
//!
//! All of it is made of what the tile has: nothing is read or cut a second time. Where it is
//! plain that a tile must give up features, a pyramid does not even read their attributes
//! ([`GivenUp`]); what comes out is the same.

use crate::VectorTile;
use crate::coarser::Coarsener;
use crate::vector::LayerBuilder;

/// Most bytes of a tile before compression: the limit that tippecanoe made
/// customary. Phones stall on larger ones.
pub const DEFAULT_BYTE_LIMIT: usize = 500_000;

/// What a tile has given up before its layers were collected.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct GivenUp {
    /// Detail; says whether that made anything shorter.
    pub(crate) detail: Option<bool>,
    /// Features: the step below which none is left, and how many they were.
    pub(crate) features: Option<(Step, usize)>,
}

/// A height of the floor under the importance of features, in quarters of an octave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Step(i32);

impl Step {
    /// 2⁻¹⁰ pixels: nothing smaller is shown.
    const LOWEST: Step = Step(-40);

    /// Above all that floating point can hold.
    const HIGHEST: Step = Step(4 * 128);

    /// The importance at this height.
    pub(crate) fn floor(self) -> f32 {
        2f64.powf(f64::from(self.0) / 4.0) as f32
    }

    /// The highest step that is not above an importance, or one next to it.
    fn near(importance: f32) -> Step {
        let step = (importance.log2() * 4.0).floor() as i32;
        Step(step.clamp(Step::LOWEST.0, Step::HIGHEST.0 - 1))
    }
}

/// Given the importance of each feature and the fewest bytes that it can take: a step below
/// which no feature can stay; none if all may fit.
pub(crate) fn hopeless(
    weights: impl Iterator<Item = (f32, usize)>,
    byte_limit: usize,
) -> Option<Step> {
    let mut bytes_by_step = vec![0_usize; (Step::HIGHEST.0 - Step::LOWEST.0) as usize];
    for (importance, least_len) in weights {
        let step = Step::near(importance);
        bytes_by_step[(step.0 - Step::LOWEST.0) as usize] += least_len;
    }
    let mut sum = 0;
    for (step, bytes) in bytes_by_step.into_iter().enumerate().rev() {
        sum += bytes;
        if sum > byte_limit {
            // With the floor a step below, all of these would stay.
            return Some(Step(step as i32 + Step::LOWEST.0));
        }
    }
    None
}

/// Returns the tile of some layers, each with all that it shows but what was given up before,
/// within a limit.
pub(crate) fn within_limit(
    mut layers: Vec<LayerBuilder>,
    given_up: GivenUp,
    byte_limit: usize,
) -> VectorTile {
    for builder in &mut layers {
        builder.layer.sort();
    }
    let weights = |layers: &[LayerBuilder]| -> Vec<(f32, usize)> {
        layers.iter().flat_map(|of| of.layer.weights()).collect()
    };
    let fitting = |layers: &[LayerBuilder], is_bare: bool| -> Option<Vec<u8>> {
        let least: usize = layers
            .iter()
            .flat_map(|of| of.layer.weights())
            .map(|(_, len)| len)
            .sum();
        if least > byte_limit {
            return None;
        }
        let bytes = encode(layers, 0.0, is_bare);
        (bytes.len() <= byte_limit).then_some(bytes)
    };
    let mut sacrifices = Vec::new();
    let mut bytes = match given_up {
        GivenUp {
            detail: None,
            features: None,
        } => fitting(&layers, false),
        _ => None,
    };
    if bytes.is_none() {
        let is_shorter = given_up.detail.unwrap_or_else(|| coarser(&mut layers));
        if is_shorter {
            sacrifices.push("lines simplified to one pixel".to_owned());
        }
        if given_up.features.is_none() && (is_shorter || given_up.detail.is_some()) {
            bytes = fitting(&layers, false);
        }
    }
    if bytes.is_none() && layers.iter().any(|builder| builder.has_more) {
        sacrifices.push("attributes left out except data_origin and a label".to_owned());
        if given_up.features.is_none() {
            bytes = fitting(&layers, true);
        }
    }
    let bytes = bytes.unwrap_or_else(|| {
        let (least, before) = given_up.features.unwrap_or((Step::LOWEST, 0));
        let least = hopeless(weights(&layers).into_iter(), byte_limit)
            .map_or(least, |step| step.max(least));
        let mut step = least;
        let mut bytes = encode(&layers, step.floor(), true);
        while bytes.len() > byte_limit && step < Step::HIGHEST {
            step = Step(step.0 + 1);
            bytes = encode(&layers, step.floor(), true);
        }
        let weights = weights(&layers);
        let kept = weights
            .iter()
            .filter(|(importance, _)| *importance >= step.floor())
            .count();
        let all = weights.len() + before;
        sacrifices.push(format!(
            "{} of {all} features left out, smallest first",
            all - kept
        ));
        bytes
    });
    for builder in &layers {
        let name = builder.layer.name();
        let mut tell = |count: usize, what: &str| {
            if count > 0 {
                sacrifices.push(format!("{count} {what} of {name} left out"));
            }
        };
        tell(builder.left_out, "smallest features");
        tell(
            builder.out_of_domain,
            "features without a place in this grid",
        );
        tell(
            builder.shaper.unrepaired,
            "polygons that could not be made valid",
        );
    }
    VectorTile { bytes, sacrifices }
}

/// Simplifies what was delivered; returns whether anything got shorter.
fn coarser(layers: &mut [LayerBuilder]) -> bool {
    let mut coarsener = Coarsener::default();
    let mut is_shorter = false;
    for builder in layers.iter_mut().filter(|builder| !builder.of.is_level) {
        is_shorter |= builder
            .layer
            .reshape(|kind, geometry, out| coarsener.coarser(kind, geometry, out));
    }
    is_shorter
}

fn encode(layers: &[LayerBuilder], floor: f32, is_bare: bool) -> Vec<u8> {
    let mut tile = Vec::new();
    for builder in layers {
        let keep_key = |key: &str| !is_bare || builder.essential.iter().any(|e| e == key);
        builder.layer.write(floor, &keep_key, &mut tile);
    }
    tile
}
