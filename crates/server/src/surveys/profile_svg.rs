//! A section as a picture (SVG 1.1): axes in metres, and in words what is drawn.
//!
//! Attributes and no style sheet, since the policy of our pages forbids inline styles; and
//! nothing by colour alone: lines differ in width, and the legend has words.

use std::fmt::Write as _;

use model::{DataOrigin, Survey};
use query::profile::{Profile, ProfileQuestion, ProfileSample};

use crate::Text;
use crate::catalogue::datum_text;
use crate::surveys::language::{Language, class_name};

/// Size of the picture and of its margins, in units of the picture.
const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 520.0;
const LEFT: f64 = 76.0;
const RIGHT: f64 = 28.0;
const TOP: f64 = 82.0;
const BOTTOM: f64 = 104.0;

/// Where the words below the axis stand.
const BELOW_AXIS: f64 = HEIGHT - BOTTOM + 41.0;

/// Share of the plot that heights may fill, so that nothing touches its frame.
const FILLED: f64 = 0.86;

/// Exaggerations that people can reckon with.
const EXAGGERATIONS: [f64; 12] = [
    0.1, 0.2, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0,
];

/// Heights of less than this are drawn as if they were so much: level ground has no relief
/// to blow up.
const LEAST_RANGE_M: f64 = 1.0;

/// Longest title that fits, in characters.
const LONGEST_TITLE: usize = 80;

fn class_colour(class: u8) -> &'static str {
    match class {
        2 => "#b08055",
        3 => "#9ccc65",
        4 => "#4caf50",
        5 => "#1b7837",
        6 => "#d1495b",
        9 => "#3288bd",
        17 => "#7b5ea7",
        _ => "#9aa0a6",
    }
}

/// Draws a section.
pub(crate) fn draw(
    found: &Profile,
    question: &ProfileQuestion,
    survey: &Survey,
    title: &Text,
    language: Language,
) -> String {
    let mut svg = String::with_capacity(16 << 10);
    let title = language.choose(&title.sv, &title.en);
    let heading = format!("{} {title}", language.choose("Profil:", "Profile:"));
    let _ = write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" \
         role=\"img\" aria-label=\"{0}\" font-family=\"Helvetica, Arial, sans-serif\" font-size=\"13\" fill=\"#1f2933\">\
         <title>{0}</title><rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#ffffff\"/>",
        escaped(&heading)
    );
    text(
        &mut svg,
        [LEFT, 30.0],
        "font-size=\"19\" font-weight=\"bold\"",
        &shortened(&heading),
    );
    let frame = Frame::of(found);
    text(
        &mut svg,
        [LEFT, 52.0],
        "fill=\"#52606d\"",
        &facts(survey, language),
    );
    let Some(frame) = frame else {
        let nothing = language.choose(
            "Linjen ligger utanför skanningen.",
            "The line lies outside the survey.",
        );
        text(&mut svg, [LEFT, HEIGHT / 2.0], "font-size=\"16\"", nothing);
        svg.push_str("</svg>");
        return svg;
    };
    let exaggeration = if frame.exaggeration == 1.0 {
        language
            .choose("Utan överhöjning", "No vertical exaggeration")
            .to_owned()
    } else {
        format!(
            "{} {}\u{a0}{}",
            language.choose("Överhöjning", "Vertical exaggeration"),
            language.number(frame.exaggeration, usize::from(frame.exaggeration < 1.0)),
            language.choose("ggr", "times"),
        )
    };
    text(
        &mut svg,
        [WIDTH - RIGHT, 70.0],
        "text-anchor=\"end\" fill=\"#52606d\"",
        &exaggeration,
    );
    axes(&mut svg, &frame, language);
    let _ = write!(
        svg,
        "<clipPath id=\"plot\"><rect x=\"{LEFT}\" y=\"{TOP}\" width=\"{}\" height=\"{}\"/></clipPath><g clip-path=\"url(#plot)\" fill=\"none\">",
        WIDTH - LEFT - RIGHT,
        HEIGHT - TOP - BOTTOM
    );
    for (class, points) in &found.points {
        // A dot is a line without length and with round ends: the shortest way to write it.
        let _ = write!(
            svg,
            "<path stroke=\"{}\" stroke-width=\"3\" stroke-linecap=\"round\" d=\"",
            class_colour(*class)
        );
        for point in points {
            let [x, y] = frame.at(point.distance_m, point.elevation_m);
            let _ = write!(svg, "M{x:.1} {y:.1}h0");
        }
        svg.push_str("\"/>");
    }
    line(&mut svg, &frame, &found.samples, SURFACE, |sample| {
        sample.surface_m
    });
    line(&mut svg, &frame, &found.samples, GROUND, |sample| {
        sample.ground_m
    });
    svg.push_str("</g>");
    legend(&mut svg, found, question, language);
    svg.push_str("</svg>");
    svg
}

/// How the two lines are drawn.
const SURFACE: &str = "stroke=\"#243b53\" stroke-width=\"1.3\" stroke-dasharray=\"5 2\"";
const GROUND: &str = "stroke=\"#5d3413\" stroke-width=\"2.6\"";

/// Date, datum, and where the data come from.
fn facts(survey: &Survey, language: Language) -> String {
    let mut parts = vec![match survey.flown {
        Some(date) => format!("{} {date}", language.choose("Flugen", "Flown")),
        None => language
            .choose("Flygdatum okänt", "Date of flight unknown")
            .to_owned(),
    }];
    let datum = match &survey.vertical {
        model::VerticalDatum::Unknown => language
            .choose("okänt höjdsystem", "unknown vertical datum")
            .to_owned(),
        known => datum_text(known),
    };
    parts.push(match &survey.geoid {
        Some(grid) => format!("{datum} {} {grid}", language.choose("genom", "by")),
        None => datum,
    });
    parts.push(survey.id.to_string());
    if survey.data_origin == Some(DataOrigin::Synthetic) {
        parts.push(
            language
                .choose("syntetiska data", "synthetic data")
                .to_owned(),
        );
    }
    parts.join(" · ")
}

/// Where metres lie in the picture.
struct Frame {
    length_m: f64,
    low_m: f64,
    high_m: f64,
    exaggeration: f64,
}

impl Frame {
    /// Fits everything that is drawn; none if there is nothing.
    fn of(found: &Profile) -> Option<Frame> {
        let lines = found
            .samples
            .iter()
            .flat_map(|sample| [sample.ground_m, sample.surface_m])
            .flatten()
            .map(f64::from);
        let points = found
            .points
            .values()
            .flatten()
            .map(|point| point.elevation_m);
        let (mut low_m, mut high_m) = (f64::INFINITY, f64::NEG_INFINITY);
        for elevation_m in lines.chain(points) {
            low_m = low_m.min(elevation_m);
            high_m = high_m.max(elevation_m);
        }
        if low_m > high_m {
            return None;
        }
        let (wide, tall) = (WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM);
        let per_metre = wide / found.length_m;
        let range_m = (high_m - low_m).max(LEAST_RANGE_M);
        let most = tall * FILLED / (range_m * per_metre);
        let fitting = EXAGGERATIONS.iter().rev().find(|&&nice| nice <= most);
        let exaggeration = fitting.copied().unwrap_or(most);
        let shown_m = tall / (per_metre * exaggeration);
        // The lowest stands a little over the axis, and what is left over is sky.
        let low_m = low_m - (1.0 - FILLED) / 2.0 * shown_m;
        Some(Frame {
            length_m: found.length_m,
            low_m,
            high_m: low_m + shown_m,
            exaggeration,
        })
    }

    fn at(&self, distance_m: f64, elevation_m: f64) -> [f64; 2] {
        let along = distance_m / self.length_m;
        let up = (elevation_m - self.low_m) / (self.high_m - self.low_m);
        [
            LEFT + along * (WIDTH - LEFT - RIGHT),
            HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM),
        ]
    }
}

fn axes(svg: &mut String, frame: &Frame, language: Language) {
    let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
    let (step, decimals) = tick_step(frame.high_m - frame.low_m, 6.0);
    let mut tick = (frame.low_m / step).ceil() * step;
    while tick <= frame.high_m {
        let [_, y] = frame.at(0.0, tick);
        let _ = write!(
            svg,
            "<path d=\"M{LEFT} {y:.1}H{right}\" stroke=\"#e4e7eb\"/>"
        );
        // A tick that is nothing but rounding has no sign.
        let shown = if tick.abs() < step / 2.0 { 0.0 } else { tick };
        text(
            svg,
            [LEFT - 8.0, y + 4.5],
            "text-anchor=\"end\"",
            &language.number(shown, decimals),
        );
        tick += step;
    }
    let (step, decimals) = tick_step(frame.length_m, 9.0);
    let mut tick = 0.0;
    while tick <= frame.length_m * (1.0 + 1e-9) {
        let [x, _] = frame.at(tick, frame.low_m);
        let _ = write!(svg, "<path d=\"M{x:.1} {bottom}v6\" stroke=\"#52606d\"/>");
        text(
            svg,
            [x, bottom + 21.0],
            "text-anchor=\"middle\"",
            &language.number(tick, decimals),
        );
        tick += step;
    }
    let _ = write!(
        svg,
        "<path d=\"M{LEFT} {TOP}V{bottom}H{right}\" fill=\"none\" stroke=\"#52606d\"/>"
    );
    text(
        svg,
        [LEFT + (right - LEFT) / 2.0, BELOW_AXIS],
        "text-anchor=\"middle\"",
        language.choose("Avstånd längs linjen (m)", "Distance along the line (m)"),
    );
    let middle = f64::midpoint(TOP, bottom);
    let turned = format!("text-anchor=\"middle\" transform=\"rotate(-90 20 {middle})\"");
    text(
        svg,
        [20.0, middle],
        &turned,
        language.choose("Höjd (m)", "Elevation (m)"),
    );
}

/// A step of 1, 2 or 5 times a power of ten that gives at most so many, and its decimals.
fn tick_step(range: f64, most: f64) -> (f64, usize) {
    let power = 10_f64.powf((range / most).log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .map(|nice| nice * power)
        .into_iter()
        .find(|step| range / step <= most)
        .unwrap_or(10.0 * power);
    let decimals = (-step.log10().floor()).clamp(0.0, 3.0);
    (step, decimals as usize)
}

/// Draws a line, with gaps where nothing is known.
fn line(
    svg: &mut String,
    frame: &Frame,
    samples: &[ProfileSample],
    look: &str,
    of: impl Fn(&ProfileSample) -> Option<f32>,
) {
    let _ = write!(svg, "<path {look} stroke-linejoin=\"round\" d=\"");
    let mut pen_is_down = false;
    for sample in samples {
        let Some(elevation_m) = of(sample) else {
            pen_is_down = false;
            continue;
        };
        let [x, y] = frame.at(sample.distance_m, f64::from(elevation_m));
        let command = if pen_is_down { 'L' } else { 'M' };
        let _ = write!(svg, "{command}{x:.1} {y:.1}");
        pen_is_down = true;
    }
    svg.push_str("\"/>");
}

fn legend(svg: &mut String, found: &Profile, question: &ProfileQuestion, language: Language) {
    let [mut x, mut y] = [LEFT, HEIGHT - 40.0];
    // Letters of this size are some six and a half units wide.
    let mut word = |svg: &mut String, mark: &str, mark_wide: f64, words: &str| {
        let wide = mark_wide + 6.0 + 6.5 * words.chars().count() as f64;
        if x + wide > WIDTH - RIGHT {
            [x, y] = [LEFT, y + 18.0];
        }
        let _ = write!(svg, "<g transform=\"translate({x:.0} {y})\">{mark}</g>");
        text(svg, [x + mark_wide + 6.0, y], "", words);
        x += wide + 14.0;
    };
    for (look, words) in [
        (GROUND, language.choose("markmodell", "terrain")),
        (SURFACE, language.choose("ytmodell", "surface")),
    ] {
        let mark = format!("<path d=\"M0 -4H24\" fill=\"none\" {look}/>");
        word(svg, &mark, 24.0, words);
    }
    let mut shown: Vec<(&str, &str)> = Vec::new();
    for class in found.points.keys() {
        let entry = (class_colour(*class), class_name(*class, language));
        if !shown.contains(&entry) {
            shown.push(entry);
        }
    }
    for (colour, name) in shown {
        let mark = format!("<circle cx=\"5\" cy=\"-4.5\" r=\"4\" fill=\"{colour}\"/>");
        word(svg, &mark, 10.0, name);
    }
    if found.points.is_empty() {
        return;
    }
    let mut note = format!(
        "{} {} m {}",
        language.choose("Punkter inom", "Points within"),
        language.number(
            question.corridor_m,
            usize::from(question.corridor_m.fract() != 0.0)
        ),
        language.choose("från linjen", "of the line"),
    );
    if let Some(spacing_m) = found.thinned_to_m {
        let _ = write!(
            note,
            ", {} {} m",
            language.choose("glesade till", "thinned to"),
            language.number(spacing_m, 1)
        );
    }
    let place = [WIDTH - RIGHT, BELOW_AXIS];
    text(svg, place, "text-anchor=\"end\" fill=\"#52606d\"", &note);
}

fn text(svg: &mut String, [x, y]: [f64; 2], attributes: &str, words: &str) {
    let _ = write!(
        svg,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" {attributes}>{}</text>",
        escaped(words)
    );
}

fn shortened(title: &str) -> String {
    let mut short: String = title.chars().take(LONGEST_TITLE).collect();
    if short.len() < title.len() {
        short.push('…');
    }
    short
}

fn escaped(words: &str) -> String {
    let mut out = String::with_capacity(words.len());
    for letter in words.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // Letters that XML 1.0 has no way to write.
            control if control.is_control() => out.push(' '),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_numbers_that_people_count_in() {
        for (range, most, step, decimals) in [
            (60.0, 9.0, 10.0, 0),
            (1234.0, 9.0, 200.0, 0),
            (1.0, 6.0, 0.2, 1),
            (0.31, 6.0, 0.1, 1),
            (7.0, 6.0, 2.0, 0),
        ] {
            let (found, found_decimals) = tick_step(range, most);
            assert!((found - step).abs() < 1e-9, "{range}: {found}");
            assert_eq!(found_decimals, decimals, "{range}");
        }
    }

    #[test]
    fn words_cannot_break_the_picture() {
        assert_eq!(escaped("a<b & \"c\"\u{1}"), "a&lt;b &amp; &quot;c&quot; ");
    }
}
