//! Pieces of lines, strung together where nothing else of their class meets them.

use std::collections::HashMap;

use crate::generalise::places::Place;

/// A line of a feature.
pub(crate) struct Part {
    /// Place of the feature in the list.
    pub(crate) feature: usize,
    pub(crate) class: usize,
    pub(crate) line: Vec<Place>,
    /// In units of the CRS.
    pub(crate) length: f64,
}

/// Parts one after the other, and whether each is run through backwards.
pub(crate) type Chain = Vec<(usize, bool)>;

/// An end of a part: its first or its last place.
type End = (usize, bool);

/// The ends of a class at a place.
#[derive(Default)]
struct Meeting {
    ends: Vec<End>,
    is_passed: bool,
}

/// Returns for each end of each part the one that it is merged with.
fn links_of(parts: &[Part], directed: bool) -> HashMap<End, End> {
    let mut meetings: HashMap<(usize, Place), Meeting> = HashMap::new();
    for (i, part) in parts.iter().enumerate() {
        for (is_last, place) in [
            (false, part.line[0]),
            (true, part.line[part.line.len() - 1]),
        ] {
            let meeting = meetings.entry((part.class, place)).or_default();
            meeting.ends.push((i, is_last));
        }
    }
    for part in parts {
        for &place in &part.line[1..part.line.len() - 1] {
            if let Some(meeting) = meetings.get_mut(&(part.class, place)) {
                meeting.is_passed = true;
            }
        }
    }
    let next_to = |(part, is_last): End| {
        let line = &parts[part].line;
        line[if is_last { line.len() - 2 } else { 1 }]
    };
    let mut links = HashMap::new();
    for meeting in meetings.values() {
        let &[a, b] = &meeting.ends[..] else { continue };
        // A line that is drawn twice does not turn back on itself at its end.
        let turns_back = next_to(a) == next_to(b);
        let is_one_ring = a.0 == b.0;
        let against = directed && a.1 == b.1;
        if !meeting.is_passed && !turns_back && !is_one_ring && !against {
            links.insert(a, b);
            links.insert(b, a);
        }
    }
    links
}

/// All parts in chains, each part in one.
pub(crate) fn chains_of(parts: &[Part], directed: bool) -> Vec<Chain> {
    let links = links_of(parts, directed);
    let mut is_taken = vec![false; parts.len()];
    let mut chains = Vec::new();
    let mut follow = |start: usize, backwards: bool, is_taken: &mut Vec<bool>| {
        let mut chain: Chain = Vec::new();
        let (mut part, mut backwards) = (start, backwards);
        while !is_taken[part] {
            is_taken[part] = true;
            chain.push((part, backwards));
            let Some(&(next, is_last)) = links.get(&(part, !backwards)) else {
                break;
            };
            (part, backwards) = (next, is_last);
        }
        if !directed {
            let balance: f64 = chain
                .iter()
                .map(|&(part, backwards)| {
                    let length = parts[part].length;
                    if backwards { -length } else { length }
                })
                .sum();
            let first = chain.iter().min_by_key(|(part, _)| *part);
            if balance < 0.0 || (balance == 0.0 && first.is_some_and(|&(_, backwards)| backwards)) {
                chain.reverse();
                for (_, backwards) in &mut chain {
                    *backwards = !*backwards;
                }
            }
        }
        chains.push(chain);
    };
    // From the ends first: what is left then are rings. Where direction matters, no part is
    // run through backwards.
    let ways: &[bool] = if directed { &[false] } else { &[false, true] };
    for part in 0..parts.len() {
        for &backwards in ways {
            if !is_taken[part] && !links.contains_key(&(part, backwards)) {
                follow(part, backwards, &mut is_taken);
            }
        }
    }
    for part in 0..parts.len() {
        if !is_taken[part] {
            follow(part, false, &mut is_taken);
        }
    }
    chains
}

pub(crate) fn run_through(chain: &[(usize, bool)], parts: &[Part]) -> Vec<Place> {
    let mut line: Vec<Place> = Vec::new();
    for &(part, backwards) in chain {
        let of_part = parts[part].line.iter();
        let skip = usize::from(!line.is_empty());
        if backwards {
            line.extend(of_part.rev().skip(skip));
        } else {
            line.extend(of_part.skip(skip));
        }
    }
    line
}
