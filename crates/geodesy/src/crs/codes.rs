//! How codes and definitions are written.

/// Returns whether a PROJ text names a file by its path, or by `+init=FILE:SECTION`.
///
/// PROJ would open it; a text that came with someone's data must not make it.
pub(super) fn names_a_file(definition: &str) -> bool {
    let values = |key| {
        definition
            .split(key)
            .skip(1)
            .filter_map(|rest| rest.split([' ', '"', '\t', '\n']).next())
    };
    values("grids=").any(|value| value.contains(['/', '\\']))
        || values("init=").any(|value| !value.to_ascii_lowercase().starts_with("epsg:"))
}

/// Returns whether the text is a definition rather than a code.
pub(super) fn is_definition(text: &str) -> bool {
    text.starts_with(['{', '+']) || (text.contains('[') && !text.starts_with('['))
}

/// Returns `AUTHORITY:CODE` for the ways in which codes are written.
///
/// Sources: OGC 09-048r5 (URNs), OGC 11-135r2 (URLs), OGC API – Common (safe CURIEs
/// in brackets), GML 3.1 (`epsg.xml#3006`).
pub(super) fn authority_and_code(text: &str) -> Option<String> {
    let text = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(text)
        .trim_end_matches('/');
    let lower = text.to_ascii_lowercase();
    let url = lower
        .strip_prefix("https://")
        .or_else(|| lower.strip_prefix("http://"));
    let parts: Vec<&str> = if let Some(url) = url {
        let path = url.strip_prefix("www.").unwrap_or(url);
        match path.strip_prefix("opengis.net/") {
            Some(path) => match path.strip_prefix("gml/srs/epsg.xml#") {
                Some(code) => vec!["epsg", code],
                None => {
                    let rest = path.strip_prefix("def/crs/")?;
                    // Authority, version, code.
                    match rest.split('/').collect::<Vec<_>>().as_slice() {
                        [authority, _, code] => vec![authority, code],
                        _ => return None,
                    }
                }
            },
            None => return None,
        }
    } else if let Some(rest) = lower
        .strip_prefix("urn:ogc:def:crs:")
        .or_else(|| lower.strip_prefix("urn:x-ogc:def:crs:"))
    {
        match rest.split(':').collect::<Vec<_>>().as_slice() {
            [authority, _, code] | [authority, code] => vec![authority, code],
            _ => return None,
        }
    } else {
        match lower.split(':').collect::<Vec<_>>().as_slice() {
            [code @ "crs84"] => vec!["ogc", code],
            [code] if code.bytes().all(|b| b.is_ascii_digit()) => vec!["epsg", code],
            [authority, code] => vec![authority, code],
            [authority, "", code] => vec![authority, code],
            // EPSG:3006+EPSG:5613, as PROJ and GDAL write a compound CRS.
            [a, b, c] if b.contains("+epsg") && *a == "epsg" && !c.is_empty() => {
                let horizontal = b.strip_suffix("+epsg")?;
                return plain_code(horizontal)
                    .zip(plain_code(c))
                    .map(|(h, v)| format!("EPSG:{h}+{v}"));
            }
            _ => return None,
        }
    };
    let [authority, code] = parts.as_slice() else {
        return None;
    };
    // The code that Web Mercator had before it got one.
    if *authority == "epsg" && *code == "900913" {
        return Some("EPSG:3857".to_owned());
    }
    let authority_is_plain = !authority.is_empty()
        && authority.len() <= 16
        && authority
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let code = match code.split_once('+') {
        Some((horizontal, vertical)) => {
            format!("{}+{}", plain_code(horizontal)?, plain_code(vertical)?)
        }
        None => plain_code(code)?.to_owned(),
    };
    authority_is_plain.then(|| format!("{}:{}", authority.to_uppercase(), code.to_uppercase()))
}

/// Returns the code if it is one to sixteen letters, digits, `_` or `-`.
fn plain_code(code: &str) -> Option<&str> {
    let ok = (1..=16).contains(&code.len())
        && code
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    ok.then_some(code)
}

/// The beginning of what was given, for errors.
pub(super) fn shortened(text: &str) -> String {
    const MAX_CHARS: usize = 80;
    let text = text.trim();
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
