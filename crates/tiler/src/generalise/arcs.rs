//! Lines and borders cut at their junctions, so that what two features share is simplified
//! once and stays shared.

use crate::generalise::faces::steps;
use crate::generalise::grid::Node;
use crate::generalise::places::{Place, Places};
use crate::simplify::Simplifier;

/// Places where lines meet, end or fork: they stay.
#[derive(Debug)]
pub(crate) struct Junctions {
    around: Vec<Around>,
}

/// The places next to a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Around {
    Nothing,
    One(Place),
    Two(Place, Place),
    Many,
    /// One, and a line ends here.
    End(Place),
}

impl Junctions {
    /// Junctions of no line yet, among so many places.
    pub(crate) fn among(places: usize) -> Junctions {
        Junctions {
            around: vec![Around::Nothing; places],
        }
    }

    /// Adds a line. If it does not end where it starts, both ends stay.
    pub(crate) fn add_line(&mut self, line: &[Place]) {
        for pair in line.windows(2) {
            self.add_step(pair[0], pair[1]);
            self.add_step(pair[1], pair[0]);
        }
        if let (Some(&first), Some(&last)) = (line.first(), line.last())
            && first != last
        {
            self.add_end(first);
            self.add_end(last);
        }
    }

    /// Adds a ring, whose first place is not repeated.
    pub(crate) fn add_ring(&mut self, ring: &[Place]) {
        for (a, b) in steps(ring) {
            self.add_step(a, b);
            self.add_step(b, a);
        }
    }

    fn add_step(&mut self, at: Place, next: Place) {
        let around = &mut self.around[at as usize];
        *around = match *around {
            Around::Nothing => Around::One(next),
            Around::One(a) if a != next => Around::Two(a, next),
            Around::Two(a, b) if a != next && b != next => Around::Many,
            Around::End(a) if a != next => Around::Many,
            same => same,
        };
    }

    fn add_end(&mut self, at: Place) {
        let around = &mut self.around[at as usize];
        *around = match *around {
            Around::One(a) => Around::End(a),
            Around::Two(..) => Around::Many,
            same => same,
        };
    }

    /// Whether lines end, meet or fork here.
    pub(crate) fn has(&self, place: Place) -> bool {
        let around = self.around[place as usize];
        matches!(around, Around::Many | Around::End(_))
    }

    /// Whether nothing but one line reaches here, and ends.
    pub(crate) fn is_loose(&self, place: Place) -> bool {
        let around = self.around[place as usize];
        matches!(around, Around::One(_) | Around::End(_))
    }
}

/// Cuts a line at junctions, and calls with each piece: those begin and end at one or at the
/// ends of the line. A ring, whose last place is its first, is turned to start at a
/// junction, or if it has none at its least place.
pub(crate) fn cut(
    line: &[Place],
    junctions: &Junctions,
    places: &Places,
    mut piece: impl FnMut(&[Place]),
) {
    let mut turned;
    let mut line = line;
    if let [first, open @ ..] = line
        && open.len() > 1
        && open.last() == Some(first)
        && !junctions.has(*first)
    {
        let start = (0..open.len())
            .find(|&i| junctions.has(open[i]))
            .or_else(|| (0..open.len()).min_by_key(|&i| places.at(open[i])))
            .unwrap_or(0);
        turned = open.to_vec();
        turned.rotate_left(start);
        turned.push(turned[0]);
        line = &turned;
    }
    let mut start = 0;
    for i in 1..line.len() {
        if i + 1 == line.len() || junctions.has(line[i]) {
            piece(&line[start..=i]);
            start = i;
        }
    }
}

/// Turns an arc the way in which it is kept, whoever runs along it. Returns whether it was
/// turned round.
pub(crate) fn direct(arc: &mut [Place], places: &Places) -> bool {
    let differing = (0..arc.len() / 2)
        .map(|i| (arc[i], arc[arc.len() - 1 - i]))
        .find(|(ahead, back)| ahead != back);
    let turns = differing.is_some_and(|(ahead, back)| places.at(back) < places.at(ahead));
    if turns {
        arc.reverse();
    }
    turns
}

/// Simplifies arcs, with room that is used again for the next.
#[derive(Debug, Default)]
pub(crate) struct ArcSimplifier {
    simplifier: Simplifier,
    nodes: Vec<Node>,
    line: Vec<[f64; 2]>,
}

impl ArcSimplifier {
    /// Returns the arc with vertices left out that lie within `tolerance`, in steps of the
    /// grid, of it. Ends stay. One that ends where it starts keeps at least three corners.
    pub(crate) fn simplified(
        &mut self,
        arc: &[Place],
        places: &Places,
        tolerance: f64,
    ) -> Vec<Place> {
        let is_ring = arc.first() == arc.last();
        if arc.len() <= 2 || tolerance <= 0.0 || (is_ring && arc.len() <= 4) {
            return arc.to_vec();
        }
        self.nodes.clear();
        self.nodes.extend(places.nodes(arc));
        // Counted from the first place, so that numbers stay small and squares exact enough.
        let origin = self.nodes[0];
        self.line.clear();
        let local = |node: &Node| [(node[0] - origin[0]) as f64, (node[1] - origin[1]) as f64];
        self.line.extend(self.nodes.iter().map(local));
        let keep = self.simplifier.kept(&self.line, tolerance);
        let kept = arc.iter().zip(keep).filter(|(_, is_kept)| **is_kept);
        let out: Vec<Place> = kept.map(|(place, _)| *place).collect();
        if is_ring && out.len() < 4 {
            return arc.to_vec();
        }
        out
    }
}
