//! What follows the standard attributes of each point, and its descriptors (ASPRS LAS 1.4
//! R15, extra bytes).

use model::ExtraBytes;

/// Bytes of a descriptor.
const DESCRIPTOR_LEN: usize = 192;
/// Where a descriptor has its type, its options, its name (32 bytes) and its description (32).
const TYPE_AT: usize = 2;
const OPTIONS_AT: usize = 3;
const NAME_AT: usize = 4;
const DESCRIPTION_AT: usize = 160;
const TEXT_LEN: usize = 32;
/// Bytes without a type, as many as the options say.
const UNDOCUMENTED: u8 = 0;
/// An unsigned byte.
const UNSIGNED_BYTE: u8 = 1;

/// Name of the class with which a point came, where it has another now.
const DELIVERED_CLASS: &str = "delivered_class";

/// Returns the extra bytes of points with `len` of them, described as far as `descriptors`
/// can be believed: none are if they speak of more bytes than there are.
pub(super) fn described(len: u16, descriptors: &[u8]) -> ExtraBytes {
    let whole = descriptors.len() / DESCRIPTOR_LEN * DESCRIPTOR_LEN;
    let fits = described_len(&descriptors[..whole]) <= usize::from(len);
    ExtraBytes {
        len,
        descriptors: if fits && len > 0 {
            descriptors[..whole].to_vec()
        } else {
            Vec::new()
        },
    }
}

/// Returns the same extra bytes with the delivered class behind them.
///
/// Bytes that nobody described are described as such, since descriptors follow the order of
/// the bytes.
pub(super) fn with_delivered_class(extra: &ExtraBytes) -> ExtraBytes {
    let mut descriptors = extra.descriptors.clone();
    let mut missing = usize::from(extra.len).saturating_sub(described_len(&descriptors));
    while missing > 0 {
        let len = missing.min(usize::from(u8::MAX));
        let name = free_name(&descriptors, "undocumented");
        descriptors.extend(descriptor(UNDOCUMENTED, len as u8, &name, ""));
        missing -= len;
    }
    let name = free_name(&descriptors, DELIVERED_CLASS);
    let what = "class as delivered";
    descriptors.extend(descriptor(UNSIGNED_BYTE, 0, &name, what));
    ExtraBytes {
        len: extra.len + 1,
        descriptors,
    }
}

/// Bytes that descriptors speak of.
fn described_len(descriptors: &[u8]) -> usize {
    let of_one = |descriptor: &[u8]| match descriptor[TYPE_AT] {
        UNDOCUMENTED => usize::from(descriptor[OPTIONS_AT]),
        // Types 11 to 30 are two or three numbers of types 1 to 10, and no longer in use.
        kind @ 1..=30 => {
            let len = [1, 1, 2, 2, 4, 4, 8, 8, 4, 8][usize::from(kind - 1) % 10];
            len * (usize::from(kind - 1) / 10 + 1)
        }
        // What is not known cannot be placed.
        _ => usize::from(u16::MAX),
    };
    descriptors.chunks_exact(DESCRIPTOR_LEN).map(of_one).sum()
}

fn descriptor(kind: u8, options: u8, name: &str, description: &str) -> [u8; DESCRIPTOR_LEN] {
    let mut descriptor = [0; DESCRIPTOR_LEN];
    descriptor[TYPE_AT] = kind;
    descriptor[OPTIONS_AT] = options;
    for (at, text) in [(NAME_AT, name), (DESCRIPTION_AT, description)] {
        let len = text.len().min(TEXT_LEN);
        descriptor[at..at + len].copy_from_slice(&text.as_bytes()[..len]);
    }
    descriptor
}

/// Returns `name`, with a number behind it if that is taken.
fn free_name(descriptors: &[u8], name: &str) -> String {
    let is_taken = |name: &str| {
        descriptors.chunks_exact(DESCRIPTOR_LEN).any(|descriptor| {
            let taken = &descriptor[NAME_AT..NAME_AT + TEXT_LEN];
            taken.split(|&b| b == 0).next() == Some(name.as_bytes())
        })
    };
    if !is_taken(name) {
        return name.to_owned();
    }
    let mut number = 2;
    while is_taken(&format!("{name}_{number}")) {
        number += 1;
    }
    format!("{name}_{number}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delivered_class_comes_behind_bytes_that_nobody_described() {
        let extra = described(5, &descriptor(3, 0, "width", ""));
        assert_eq!(extra.descriptors.len(), DESCRIPTOR_LEN);
        let with = with_delivered_class(&extra);
        assert_eq!(with.len, 6);
        assert_eq!(described_len(&with.descriptors), 6);
        let undocumented = &with.descriptors[DESCRIPTOR_LEN..];
        assert_eq!((undocumented[TYPE_AT], undocumented[OPTIONS_AT]), (0, 3));
        let class = &with.descriptors[2 * DESCRIPTOR_LEN..];
        assert_eq!(class[TYPE_AT], UNSIGNED_BYTE);
        assert!(class[NAME_AT..].starts_with(b"delivered_class\0"));
        let twice = with_delivered_class(&with);
        assert!(
            twice.descriptors[3 * DESCRIPTOR_LEN + NAME_AT..].starts_with(b"delivered_class_2\0")
        );
    }

    #[test]
    fn descriptors_of_more_bytes_than_there_are_are_not_believed() {
        assert!(
            described(1, &descriptor(10, 0, "time", ""))
                .descriptors
                .is_empty()
        );
        assert!(
            described(0, &descriptor(1, 0, "byte", ""))
                .descriptors
                .is_empty()
        );
        assert!(
            described(9, &descriptor(99, 0, "odd", ""))
                .descriptors
                .is_empty()
        );
    }
}
