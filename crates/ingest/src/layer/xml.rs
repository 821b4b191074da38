//! XML as a stream of elements, for the formats that are made of it.
//!
//! What makes XML dangerous is refused rather than read: document types, and with
//! them every entity but the five of XML itself; elements that nest without end;
//! and one tag or text that is larger than any honest one. Memory is that of one
//! element at a time.

use std::io::{self, BufRead, BufReader, Read};

use encoding_rs::{CoderResult, Decoder, Encoding, UTF_8};
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::{PrefixDeclaration, ResolveResult};
use quick_xml::reader::NsReader;

use super::raw::Refusal;

/// Elements inside elements: application schemas nest a dozen deep.
const MAX_DEPTH: usize = 200;

/// Bytes of one tag or text: a coastline of two million positions.
const MAX_PIECE_BYTES: usize = 64 << 20;

/// Attributes of one element.
const MAX_ATTRIBUTES: usize = 200;

/// Bytes at the start among which the XML declaration stands.
const DECLARATION_BYTES: usize = 256;

/// What the reader has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// The start of an element, which [`Xml::name`] and others describe.
    Start,
    /// The end of an element; [`Xml::text`] is what stood since the last tag.
    End,
    /// The end of the file, after the end of its root element.
    EndOfFile,
}

/// A reader of XML, element by element.
pub(crate) struct Xml<R: Read> {
    reader: NsReader<Counted<BufReader<Utf8<R>>>>,
    buffer: Vec<u8>,
    depth: usize,
    name: String,
    namespace: String,
    attributes: Vec<(String, String)>,
    text: String,
}

impl<R: Read> Xml<R> {
    /// Starts to read a document.
    ///
    /// # Errors
    ///
    /// [`Refusal`] if it cannot be read or declares an encoding that is not known.
    pub(crate) fn new(document: R) -> Result<Xml<R>, Refusal> {
        let mut reader = NsReader::from_reader(Counted {
            inner: BufReader::with_capacity(1 << 16, Utf8::new(document)?),
            line: 1,
            piece_bytes: 0,
        });
        reader.config_mut().expand_empty_elements = true;
        Ok(Xml {
            reader,
            buffer: Vec::new(),
            depth: 0,
            name: String::new(),
            namespace: String::new(),
            attributes: Vec::new(),
            text: String::new(),
        })
    }

    /// Goes on to the next start or end of an element.
    pub(crate) fn step(&mut self) -> Result<Step, Refusal> {
        self.text.clear();
        loop {
            self.buffer.clear();
            self.reader.get_mut().piece_bytes = 0;
            let read = self.reader.read_resolved_event_into(&mut self.buffer);
            let (namespace, event) = match read {
                Ok(read) => read,
                Err(error) => return Err(self.refuse(&error)),
            };
            let trouble = match event {
                Event::Start(tag) => {
                    self.namespace.clear();
                    if let ResolveResult::Bound(namespace) = namespace {
                        self.namespace.push_str(namespace.0);
                    }
                    self.name.clear();
                    self.name.push_str(tag.local_name().as_ref());
                    self.depth += 1;
                    match attributes(&tag, &mut self.attributes) {
                        Ok(()) if self.depth <= MAX_DEPTH => return Ok(Step::Start),
                        Ok(()) => format!("nests deeper than {MAX_DEPTH} elements"),
                        Err(what) => what,
                    }
                }
                Event::End(tag) => {
                    self.name.clear();
                    self.name.push_str(tag.local_name().as_ref());
                    self.depth -= 1;
                    return Ok(Step::End);
                }
                Event::Text(text) => {
                    self.text.push_str(&text.xml10_content());
                    continue;
                }
                Event::CData(text) => {
                    self.text.push_str(&text.xml10_content());
                    continue;
                }
                Event::GeneralRef(name) => match entity(&name) {
                    Some(letter) => {
                        self.text.push(letter);
                        continue;
                    }
                    None => format!("has the entity \"&{}\", which is not read", start_of(&name)),
                },
                Event::DocType(_) => {
                    "has a document type (DOCTYPE), which is not read: take it out".to_owned()
                }
                Event::Eof if self.depth > 0 => {
                    return Err(Refusal::new(format!(
                        "ends within <{}> at line {}: it is truncated, fetch it again",
                        self.name,
                        self.line()
                    )));
                }
                Event::Eof => return Ok(Step::EndOfFile),
                // Empty elements come as a start and an end.
                Event::Comment(_) | Event::PI(_) | Event::Decl(_) | Event::Empty(_) => continue,
            };
            return Err(Refusal::new(format!("{trouble}, at line {}", self.line())));
        }
    }

    /// Passes over all that is left within the element that has just started.
    pub(crate) fn skip(&mut self) -> Result<(), Refusal> {
        self.leave(self.depth)
    }

    /// Goes on until the element that started at this depth has ended.
    pub(crate) fn leave(&mut self, depth: usize) -> Result<(), Refusal> {
        while self.depth >= depth {
            self.step()?;
        }
        Ok(())
    }

    /// Returns the text of the element that has just started, and passes over its children.
    pub(crate) fn text_of_element(&mut self) -> Result<String, Refusal> {
        let depth = self.depth;
        let mut whole = String::new();
        while self.depth >= depth {
            self.step()?;
            whole.push_str(&self.text);
        }
        Ok(whole)
    }

    /// Open elements, with the one that has just started.
    pub(crate) fn depth(&self) -> usize {
        self.depth
    }

    /// Name of the element without its prefix.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Namespace of the element that has just started; empty if it has none.
    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The attribute of that name, whatever its prefix, of the element that has just started.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// Text since the last tag, as it stands.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The line that has been reached, from 1.
    pub(crate) fn line(&self) -> u64 {
        self.reader.get_ref().line
    }

    /// Puts the parser's error in words, with its place.
    fn refuse(&self, error: &quick_xml::Error) -> Refusal {
        let line = self.line();
        Refusal::new(match error {
            quick_xml::Error::Io(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                format!("{error}, at line {line}")
            }
            quick_xml::Error::Io(error) => format!("cannot be read after line {line}: {error}"),
            quick_xml::Error::Encoding(_) => {
                format!("is not UTF-8 at line {line}, though it does not say what else it is")
            }
            quick_xml::Error::Syntax(_) => format!(
                "breaks off within a tag at line {line} ({error}): it is truncated or damaged, fetch it again"
            ),
            _ => format!("is not well-formed XML at line {line}: {error}"),
        })
    }
}

/// Reads the attributes of a tag, but for declarations of namespaces.
fn attributes(tag: &BytesStart<'_>, into: &mut Vec<(String, String)>) -> Result<(), String> {
    into.clear();
    // Without the check for duplicates, whose time is the square of their number.
    for attribute in tag.attributes().with_checks(false) {
        let bad = |reason: String| {
            format!(
                "has an attribute in <{}> that cannot be read ({reason})",
                start_of(tag.name().as_ref())
            )
        };
        let attribute = attribute.map_err(|error| bad(error.to_string()))?;
        let declares: Option<PrefixDeclaration<'_>> = attribute.key.as_namespace_binding();
        if declares.is_some() {
            continue;
        }
        if into.len() == MAX_ATTRIBUTES {
            return Err(bad(format!("there are more than {MAX_ATTRIBUTES}")));
        }
        let value = attribute
            .normalized_value(quick_xml::XmlVersion::Implicit1_0)
            .map_err(|error| bad(error.to_string()))?;
        let name = attribute.key.local_name();
        into.push((name.as_ref().to_owned(), value.into_owned()));
    }
    Ok(())
}

/// The letter that one of XML's own entities, or a character reference, stands for.
fn entity(name: &quick_xml::events::BytesRef<'_>) -> Option<char> {
    match &**name {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "apos" => Some('\''),
        "quot" => Some('"'),
        _ => name.resolve_char_ref().ok().flatten(),
    }
}

/// The start of what may be long, for a sentence.
fn start_of(text: &str) -> String {
    text.chars().take(40).collect()
}

/// Counts lines, and refuses a tag or text that is too large.
struct Counted<R> {
    inner: R,
    line: u64,
    piece_bytes: usize,
}

impl<R: BufRead> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

impl<R: BufRead> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.piece_bytes > MAX_PIECE_BYTES {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                format!("has a tag or text of over {MAX_PIECE_BYTES} bytes"),
            ));
        }
        self.inner.fill_buf()
    }

    fn consume(&mut self, len: usize) {
        if let Ok(chunk) = self.inner.fill_buf() {
            let lines = chunk.iter().take(len).filter(|b| **b == b'\n').count();
            self.line += lines as u64;
        }
        self.piece_bytes += len;
        self.inner.consume(len);
    }
}

/// A document in UTF-8, whatever encoding it declares.
struct Utf8<R> {
    inner: R,
    /// Bytes read ahead of the declaration, in reverse.
    ahead: io::Cursor<Vec<u8>>,
    /// None if it is UTF-8 as it stands.
    decoder: Option<Decoder>,
    encoded: Vec<u8>,
    ended: bool,
}

impl<R: Read> Utf8<R> {
    fn new(mut inner: R) -> Result<Utf8<R>, Refusal> {
        let mut start = Vec::new();
        inner
            .by_ref()
            .take(DECLARATION_BYTES as u64)
            .read_to_end(&mut start)
            .map_err(|error| Refusal::new(format!("cannot be read: {error}")))?;
        let encoding = declared_encoding(&start)?;
        Ok(Utf8 {
            inner,
            ahead: io::Cursor::new(start),
            decoder: (encoding != UTF_8).then(|| encoding.new_decoder_without_bom_handling()),
            encoded: Vec::new(),
            ended: false,
        })
    }

    fn read_encoded(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.ahead.read(buffer)? {
            0 => self.inner.read(buffer),
            read => Ok(read),
        }
    }
}

/// The encoding that `<?xml … encoding="…"?>` names, and else UTF-8.
fn declared_encoding(start: &[u8]) -> Result<&'static Encoding, Refusal> {
    let text = String::from_utf8_lossy(start);
    let declared = text
        .trim_start_matches('\u{feff}')
        .strip_prefix("<?xml")
        .and_then(|rest| rest.split_once("?>"))
        .and_then(|(declaration, _)| declaration.split_once("encoding"))
        .map(|(_, value)| value.trim_start_matches([' ', '=', '\t', '\n', '\r']))
        .and_then(|value| {
            let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
            value[1..].split(quote).next()
        });
    match declared {
        None => Ok(UTF_8),
        Some(label) => match Encoding::for_label(label.as_bytes()) {
            // The declaration was legible, so it is not in an encoding of two bytes.
            Some(encoding) if encoding.is_ascii_compatible() => Ok(encoding),
            _ => Err(Refusal::new(format!(
                "is in the encoding {:?}, which is not read: save it as UTF-8",
                start_of(label)
            ))),
        },
    }
}

impl<R: Read> Read for Utf8<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(mut decoder) = self.decoder.take() else {
            return self.read_encoded(buffer);
        };
        // The longest letter must fit, or the decoder could never go on.
        debug_assert!(buffer.len() >= 16);
        let mut written = 0;
        while written == 0 && !self.ended {
            if self.encoded.is_empty() {
                let mut chunk = vec![0; 1 << 12];
                let read = self.read_encoded(&mut chunk)?;
                chunk.truncate(read);
                self.encoded = chunk;
            }
            let last = self.encoded.is_empty();
            let (result, used, out, _) = decoder.decode_to_utf8(&self.encoded, buffer, last);
            self.encoded.drain(..used);
            self.ended = last && result == CoderResult::InputEmpty;
            written = out;
        }
        self.decoder = Some(decoder);
        Ok(written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names with their depths, and texts, in order.
    fn read(document: &[u8]) -> Result<Vec<String>, String> {
        let mut xml = Xml::new(document).map_err(|r| r.0)?;
        let mut all = Vec::new();
        loop {
            match xml.step().map_err(|r| r.0)? {
                Step::Start => all.push(format!("{}{}", xml.name(), xml.depth())),
                Step::End if !xml.text().trim().is_empty() => all.push(xml.text().to_owned()),
                Step::End => {}
                Step::EndOfFile => return Ok(all),
            }
        }
    }

    #[test]
    fn text_comes_whole_with_its_entities_and_sections() {
        let said = read(b"<a><b>1 &lt; 2 &#229;<![CDATA[ <x>&y; ]]></b><c/></a>");
        assert_eq!(said.unwrap(), ["a1", "b2", "1 < 2 å <x>&y; ", "c2"]);
    }

    #[test]
    fn a_declared_encoding_is_read_over_any_border_of_its_buffers() {
        let mut document = b"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a>".to_vec();
        let letters = 20_000;
        document.extend(std::iter::repeat_n(0xe5, letters));
        document.extend(b"</a>");
        let said = read(&document).unwrap();
        assert_eq!(said[1], "å".repeat(letters));
        let said = read(b"<?xml version='1.0' encoding='EBCDIC-X'?><a/>").unwrap_err();
        assert!(said.contains("EBCDIC-X"), "{said}");
        let said = read(b"<a>\n\xe5</a>").unwrap_err();
        assert!(said.contains("UTF-8") && said.contains("line 2"), "{said}");
    }

    #[test]
    fn entities_and_document_types_are_refused() {
        let bomb =
            b"<!DOCTYPE a [<!ENTITY x \"ha\"><!ENTITY y \"&x;&x;&x;\">]>\n<a>&y;&y;</a>" as &[u8];
        assert!(read(bomb).unwrap_err().contains("DOCTYPE"));
        let said = read(b"<a>\n&y;</a>").unwrap_err();
        assert!(said.contains("&y") && said.contains("line 2"), "{said}");
        assert!(read(b"<a b='&y;'/>").unwrap_err().contains("attribute"));
    }

    #[test]
    fn elements_without_end_are_refused_before_memory_is() {
        let deep = "<a>".repeat(100_000);
        assert!(read(deep.as_bytes()).unwrap_err().contains("deeper"));
        let endless = io::Read::chain(b"<a>" as &[u8], io::repeat(b'x'));
        let mut xml = Xml::new(endless).unwrap();
        assert_eq!(xml.step(), Ok(Step::Start));
        assert!(xml.step().unwrap_err().0.contains("over"));
        let many: String = (0..300).map(|i| format!(" a{i}='1'")).collect();
        let said = read(format!("<a{many}/>").as_bytes()).unwrap_err();
        assert!(said.contains("more than"), "{said}");
    }

    #[test]
    fn what_breaks_off_or_does_not_close_is_said_with_its_line() {
        for (document, what) in [
            ("<a>\n<b>", "truncated"),
            ("<a>\n<b", "truncated"),
            ("<a>\n</b></a>", "line 2"),
        ] {
            let said = read(document.as_bytes()).unwrap_err();
            assert!(said.contains(what) && said.contains('2'), "{said}");
        }
    }
}
