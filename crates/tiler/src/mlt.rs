//! MapLibre tiles (MLT), made of finished MVT tiles: the same layers, features, ids and
//! attributes, column by column.
//!
//! The crate `mlt-core` reads the one and writes the other. Here is decided how: see
//! [`mlt_of_mvt`].
//!
//! Source: <https://maplibre.org/maplibre-tile-spec/specification/>.

use mlt_core::encoder::EncoderConfig;
use mlt_core::mvt::mvt_to_tile_layers;
use mlt_core::{MltResult, PropKind, PropValue, TileLayer};

use crate::Error;

/// Up to here, and as far below zero, a double holds every whole number.
const EXACT_MAX: i128 = 1 << 53;

/// Returns the MapLibre tile, version 1, that holds what an MVT tile does.
///
/// Features keep their order, which in our tiles is that of their ids: decoders in JavaScript
/// misread ids that lie far below the one before (@maplibre/mlt 1.3.0). Attributes keep their
/// values; those of whole numbers beyond 32 bits become doubles, where that changes none:
/// clients in JavaScript take wider columns for BigInt, which no style can compare with a
/// number.
///
/// # Errors
///
/// [`Error::Mlt`] if it is no MVT tile.
pub fn mlt_of_mvt(mvt: &[u8]) -> Result<Vec<u8>, Error> {
    let encode = || -> MltResult<Vec<u8>> {
        let mut tile = Vec::new();
        for layer in mvt_to_tile_layers(mvt)? {
            tile.extend(fit_for_scripts(layer)?.encode(config())?);
        }
        Ok(tile)
    };
    encode().map_err(|error| Error::Mlt(error.to_string()))
}

/// Sorting features to save bytes would change who is drawn over whom.
fn config() -> EncoderConfig {
    EncoderConfig::default()
        .with_spatial_morton_sort(false)
        .with_spatial_hilbert_sort(false)
        .with_id_sort(false)
}

/// Returns the layer with whole numbers as decoders in JavaScript can read them.
fn fit_for_scripts(layer: TileLayer) -> MltResult<TileLayer> {
    let columns = 0..layer.property_names().len();
    let wide: Vec<bool> = columns.map(|column| is_wide(&layer, column)).collect();
    let Some(first) = layer.features().first() else {
        return Ok(layer);
    };
    if !wide.contains(&true) {
        return Ok(layer);
    }
    let mut changed = TileLayer::builder(layer.name(), layer.extent().get())?;
    let mut keys = Vec::with_capacity(wide.len());
    let columns = layer.property_names().iter().zip(first.properties());
    for ((name, value), wide) in columns.zip(&wide) {
        let kind = if *wide { PropKind::F64 } else { value.kind() };
        keys.push(changed.add_property(name, kind)?);
    }
    for feature in layer.features() {
        let mut building = changed.feature(feature.geometry().clone());
        building.id(feature.id());
        for ((key, value), wide) in keys.iter().zip(feature.properties()).zip(&wide) {
            let value = match *wide {
                true => PropValue::F64(whole(value).map(|n| n as f64)),
                false => value.clone(),
            };
            building.property(*key, value)?;
        }
        building.finish()?;
    }
    Ok(changed.finish())
}

/// Whether a column of whole numbers is too wide for 32 bits and not for doubles.
fn is_wide(layer: &TileLayer, column: usize) -> bool {
    let values = layer
        .features()
        .iter()
        .filter_map(|f| f.properties().get(column));
    let range = values.filter_map(whole).fold(None, |range, n| {
        let (least, most) = range.unwrap_or((n, n));
        Some((n.min(least), n.max(most)))
    });
    range.is_some_and(|(least, most)| {
        let within = |from: i128, to: i128| least >= from && most <= to;
        let narrow = within(0, u32::MAX.into()) || within(i32::MIN.into(), i32::MAX.into());
        !narrow && within(-EXACT_MAX, EXACT_MAX)
    })
}

fn whole(value: &PropValue) -> Option<i128> {
    match value {
        PropValue::I64(n) => n.map(i128::from),
        PropValue::U64(n) => n.map(i128::from),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use mlt_core::{Decoder, Layer, Parser};
    use model::Value;

    use super::*;
    use crate::mvt::{self, GeometryType, GeometryWriter};

    /// A tile of points with these attributes, as MVT. Their ids lie beyond 32 bits.
    fn points(columns: &[&str], rows: &[Vec<Value>]) -> Vec<u8> {
        let keys = columns.iter().map(|key| (*key).to_owned()).collect();
        let mut layer = mvt::Layer::new("points", 4096, keys);
        for (i, row) in rows.iter().enumerate() {
            let mut geometry = Vec::new();
            let at = i32::try_from(i).unwrap();
            GeometryWriter::new(&mut geometry).points(&[[at * 7 % 4096, at * 131 % 4096]]);
            let values = (0..).zip(row);
            layer.push(
                (1 << 40) + i as u64,
                GeometryType::Point,
                0.0,
                &geometry,
                values,
            );
        }
        let mut tile = Vec::new();
        layer.write(0.0, &|_| true, &mut tile);
        tile
    }

    fn decoded(mlt: &[u8]) -> Vec<TileLayer> {
        let layers = Parser::default().parse_layers(mlt).unwrap();
        let tiles = layers.into_iter().map(|layer| match layer {
            Layer::Tag01(layer) => layer.into_tile(&mut Decoder::default()).unwrap(),
            _ => unreachable!("version 1 is written"),
        });
        tiles.collect()
    }

    #[test]
    fn features_keep_order_ids_and_values_and_those_without_a_value_have_none() {
        let rows: Vec<Vec<Value>> = (0..300)
            .map(|i| {
                vec![
                    Value::Text(format!("Väg {}", i % 7)),
                    if i % 3 == 1 {
                        Value::Null
                    } else {
                        Value::Integer(i - 100)
                    },
                    Value::Number(f64::from(i as i32) / 10.0),
                    Value::Boolean(i % 2 == 0),
                ]
            })
            .collect();
        let mvt = points(&["namn", "n", "x", "ja"], &rows);
        let mlt = mlt_of_mvt(&mvt).unwrap();
        let [layer] = decoded(&mlt).try_into().unwrap();
        assert_eq!(layer.property_names(), ["namn", "n", "x", "ja"]);
        assert_eq!(layer.feature_count(), rows.len());
        for (i, (feature, row)) in layer.features().iter().zip(&rows).enumerate() {
            assert_eq!(feature.id(), Some((1 << 40) + i as u64));
            let number = |value: &PropValue| match value {
                PropValue::I32(n) => n.map(f64::from),
                PropValue::F64(n) => *n,
                other => unreachable!("{other:?}"),
            };
            let [namn, n, x, ja] = feature.properties() else {
                unreachable!("four columns")
            };
            let text = |value: &PropValue| matches!((value, &row[0]), (PropValue::Str(Some(a)), Value::Text(b)) if a == b);
            assert!(text(namn), "{namn:?}");
            let expected = (!matches!(row[1], Value::Null)).then_some(i as f64 - 100.0);
            assert_eq!(number(n), expected);
            assert_eq!(number(x), Some(i as f64 / 10.0));
            assert_eq!(*ja, PropValue::Bool(Some(i % 2 == 0)));
        }
        assert!(mlt.len() < mvt.len(), "{} of {}", mlt.len(), mvt.len());
        // Nothing in it hangs on the order of a hash map.
        for _ in 0..5 {
            assert_eq!(mlt_of_mvt(&mvt).unwrap(), mlt);
        }
    }

    #[test]
    fn whole_numbers_beyond_32_bits_become_doubles_where_those_are_exact() {
        for (numbers, kind) in [
            ([0, 4_294_967_295], PropKind::U32),
            ([-1, 2_147_483_647], PropKind::I32),
            ([0, 4_294_967_296], PropKind::F64),
            ([-1, 4_294_967_295], PropKind::F64),
            (
                [-9_007_199_254_740_992, 9_007_199_254_740_992],
                PropKind::F64,
            ),
            ([0, 9_007_199_254_740_993], PropKind::U64),
            ([i64::MIN, i64::MAX], PropKind::I64),
        ] {
            let rows = numbers.map(|n| vec![Value::Integer(n)]);
            let mlt = mlt_of_mvt(&points(&["n"], &rows)).unwrap();
            let [layer] = decoded(&mlt).try_into().unwrap();
            for (feature, n) in layer.features().iter().zip(numbers) {
                let [value] = feature.properties() else {
                    unreachable!("one column")
                };
                assert_eq!(value.kind(), kind, "{numbers:?}");
                let got = match value {
                    PropValue::U32(v) => i128::from(v.unwrap()),
                    PropValue::I32(v) => i128::from(v.unwrap()),
                    PropValue::F64(v) => v.unwrap() as i128,
                    other => whole(other).unwrap(),
                };
                assert_eq!(got, i128::from(n));
            }
        }
    }

    #[test]
    fn nothing_gives_nothing_and_what_is_no_tile_an_error() {
        assert_eq!(mlt_of_mvt(&[]).unwrap(), Vec::<u8>::new());
        let tile = points(&["n"], &[vec![Value::Integer(1)]]);
        for bad in [
            &b"from elsewhere"[..],
            &tile[..tile.len() - 3],
            &[0x1a, 0xff],
        ] {
            let error = mlt_of_mvt(bad).unwrap_err().to_string();
            assert!(error.starts_with("making a MapLibre tile: "), "{error}");
        }
    }
}
