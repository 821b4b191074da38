//! The octree of a point cloud: cubes within a cube (COPC 1.0).

/// The cube around all points of a survey.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cube {
    /// Lowest x, y and z.
    pub min: [f64; 3],
    /// Side, in metres.
    pub side_m: f64,
}

/// Which of the cubes of an octree: at level 0 there is one, and each level halves the side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VoxelKey {
    /// Depth, 0 for the root.
    pub level: u8,
    /// Columns from the lowest x.
    pub x: u32,
    /// Rows from the lowest y.
    pub y: u32,
    /// Layers from the lowest z.
    pub z: u32,
}

/// Deepest level: 2³⁰ cubes to a side still fit the signed numbers of COPC.
pub const MAX_LEVEL: u8 = 30;

impl VoxelKey {
    /// The cube that holds all others.
    pub const ROOT: VoxelKey = VoxelKey {
        level: 0,
        x: 0,
        y: 0,
        z: 0,
    };

    /// The cube of the level above; none above the root.
    pub fn parent(self) -> Option<VoxelKey> {
        Some(VoxelKey {
            level: self.level.checked_sub(1)?,
            x: self.x / 2,
            y: self.y / 2,
            z: self.z / 2,
        })
    }

    /// Whether it is `other` or a part of it.
    pub fn is_at_or_below(self, other: VoxelKey) -> bool {
        let Some(deeper) = self.level.checked_sub(other.level) else {
            return false;
        };
        let up = |place: u32| place.checked_shr(u32::from(deeper)).unwrap_or(0);
        [up(self.x), up(self.y), up(self.z)] == [other.x, other.y, other.z]
    }

    /// The cubes that this one is made of.
    pub fn children(self) -> [VoxelKey; 8] {
        std::array::from_fn(|octant| {
            let upper = |axis: usize| (octant >> axis & 1) as u32;
            VoxelKey {
                level: self.level + 1,
                x: self.x * 2 + upper(0),
                y: self.y * 2 + upper(1),
                z: self.z * 2 + upper(2),
            }
        })
    }
}

impl Cube {
    /// Side of the cubes of a level, in metres.
    pub fn side_at(&self, level: u8) -> f64 {
        self.side_m / 2_f64.powi(i32::from(level))
    }

    /// The cube of a level that holds the point. What lies on or beyond the outside of the
    /// whole belongs to its outermost cubes.
    pub fn key_of(&self, level: u8, point: [f64; 3]) -> VoxelKey {
        let count = 1_u32 << level.min(MAX_LEVEL);
        let at = |axis: usize| {
            let steps = ((point[axis] - self.min[axis]) / self.side_at(level)).floor();
            // A cast of what is negative or too large saturates.
            (steps as u32).min(count - 1)
        };
        VoxelKey {
            level,
            x: at(0),
            y: at(1),
            z: at(2),
        }
    }

    /// The cube of a key.
    pub fn of(&self, key: VoxelKey) -> Cube {
        let side_m = self.side_at(key.level);
        let at = [key.x, key.y, key.z];
        Cube {
            min: std::array::from_fn(|axis| self.min[axis] + f64::from(at[axis]) * side_m),
            side_m,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_lies_in_the_cube_of_its_key_and_in_that_of_every_parent() {
        let cube = Cube {
            min: [1000.0, -50.0, -10.0],
            side_m: 512.0,
        };
        let point = [1500.25, 3.5, 17.0];
        let mut key = cube.key_of(9, point);
        loop {
            let part = cube.of(key);
            for (low, at) in part.min.iter().zip(&point) {
                assert!((*low..low + part.side_m).contains(at));
            }
            assert_eq!(key, cube.key_of(key.level, point));
            let Some(parent) = key.parent() else { break };
            assert!(parent.children().contains(&key));
            assert!(key.is_at_or_below(parent) && !parent.is_at_or_below(key));
            assert!(key.is_at_or_below(key) && key.is_at_or_below(VoxelKey::ROOT));
            let beside = VoxelKey {
                x: parent.x ^ 1,
                ..parent
            };
            assert!(!key.is_at_or_below(beside) || parent == VoxelKey::ROOT);
            key = parent;
        }
        assert_eq!(key, VoxelKey::ROOT);
    }

    #[test]
    fn what_lies_outside_belongs_to_the_outermost_cubes() {
        let cube = Cube {
            min: [0.0; 3],
            side_m: 8.0,
        };
        let key = cube.key_of(2, [8.0, -1.0, 1e300]);
        assert_eq!((key.x, key.y, key.z), (3, 0, 3));
    }
}
