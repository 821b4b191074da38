//! The two languages of pictures: which one a caller wants, numbers as people write them, and
//! names of classes of points.

use axum::http::{HeaderMap, header};

/// What a picture speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    Swedish,
    English,
}

impl Language {
    /// The one of the two that the caller likes better; Swedish for those who do not say.
    pub(crate) fn of_headers(headers: &HeaderMap) -> Language {
        let Some(accept) = headers
            .get(header::ACCEPT_LANGUAGE)
            .and_then(|value| value.to_str().ok())
        else {
            return Language::Swedish;
        };
        let weight_of = |language: &str| {
            accept
                .split(',')
                .filter_map(|part| {
                    let mut pieces = part.split(';').map(str::trim);
                    let name = pieces.next()?.to_ascii_lowercase();
                    let own = name == language || name.starts_with(&format!("{language}-"));
                    let weight = pieces
                        .find_map(|piece| piece.strip_prefix("q="))
                        .map_or(1.0, |q| q.parse().unwrap_or(0.0));
                    own.then_some(weight)
                })
                .fold(0.0, f64::max)
        };
        if weight_of("en") > weight_of("sv") {
            Language::English
        } else {
            Language::Swedish
        }
    }

    /// The words in this language.
    pub(crate) fn choose<'a>(self, sv: &'a str, en: &'a str) -> &'a str {
        match self {
            Language::Swedish => sv,
            Language::English => en,
        }
    }

    /// A number as people write it.
    pub(crate) fn number(self, value: f64, decimals: usize) -> String {
        let text = format!("{value:.decimals$}").replace('-', "\u{2212}");
        match self {
            Language::Swedish => text.replace('.', ","),
            Language::English => text,
        }
    }
}

/// Name of an ASPRS class (LAS 1.4 R15, table 17).
pub(crate) fn class_name(class: u8, language: Language) -> &'static str {
    let (sv, en) = match class {
        0 | 1 => ("oklassat", "unclassified"),
        2 => ("mark", "ground"),
        3 => ("låg växtlighet", "low vegetation"),
        4 => ("mellanhög växtlighet", "medium vegetation"),
        5 => ("hög växtlighet", "high vegetation"),
        6 => ("byggnad", "building"),
        9 => ("vatten", "water"),
        10 => ("järnväg", "rail"),
        11 => ("väg", "road surface"),
        13..=16 => ("ledning", "wire"),
        17 => ("bro", "bridge deck"),
        _ => ("annat", "other"),
    };
    match language {
        Language::Swedish => sv,
        Language::English => en,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_is_the_one_that_the_caller_likes_better() {
        for (accept, expected) in [
            ("en-GB,en;q=0.9,sv;q=0.8", Language::English),
            ("sv-SE,sv;q=0.9,en;q=0.8", Language::Swedish),
            ("de", Language::Swedish),
            ("de,en;q=0.5", Language::English),
        ] {
            let mut headers = HeaderMap::new();
            let value = header::HeaderValue::from_static(accept);
            headers.insert(header::ACCEPT_LANGUAGE, value);
            assert_eq!(Language::of_headers(&headers), expected, "{accept}");
        }
        assert_eq!(Language::of_headers(&HeaderMap::new()), Language::Swedish);
        assert_eq!(Language::Swedish.number(-1.5, 1), "−1,5");
    }
}
