//! Bytes into sections.

use std::io::Cursor;

use serde::de::DeserializeOwned;

use super::{FORMAT, HEADER, MAGIC, SectionKind, SnapshotError, checksum};

/// What a section holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Section<'s> {
    /// How its bytes are to be understood.
    pub version: u32,
    /// Its bytes.
    pub bytes: &'s [u8],
}

/// A snapshot whose sections are all there and undamaged.
#[derive(Debug, Clone)]
pub struct Reader<'s> {
    sections: Vec<(SectionKind, Section<'s>)>,
}

/// How deep values may lie in one another: far deeper than any state does, and no danger to the stack of a small thread.
const MAX_DEPTH: usize = 64;

/// A number at a place that is known to be there.
fn number<const N: usize>(header: &[u8; HEADER], at: usize) -> [u8; N] {
    std::array::from_fn(|i| header[at + i])
}

/// The header at `offset`.
fn header(bytes: &[u8], offset: usize) -> Result<(&[u8; HEADER], &[u8]), SnapshotError> {
    let rest = bytes.get(offset..).unwrap_or_default();
    rest.split_first_chunk().ok_or(SnapshotError::TruncatedAt {
        offset: offset as u64,
        needed: HEADER as u64,
        have: rest.len() as u64,
    })
}

impl<'s> Reader<'s> {
    /// Finds the sections and checks that none of them is damaged, also those that nobody will ask for. Nothing is copied.
    ///
    /// # Errors
    /// The bytes are no snapshot, cut off, damaged, of another version of the container, or followed by more.
    pub fn new(bytes: &'s [u8]) -> Result<Reader<'s>, SnapshotError> {
        let beginning = &bytes[..bytes.len().min(MAGIC.len())];
        if beginning.is_empty() || !MAGIC.starts_with(beginning) {
            return Err(SnapshotError::NotASnapshot);
        }
        let (head, _) = header(bytes, 0)?;
        let found = u32::from_le_bytes(number(head, 8));
        if found != FORMAT {
            return Err(SnapshotError::UnsupportedFormat { found });
        }
        if checksum(&head[..16], &[]) != u32::from_le_bytes(number(head, 16)) {
            return Err(SnapshotError::HeaderChecksum);
        }
        let mut sections: Vec<(SectionKind, Section<'s>)> = Vec::new();
        let mut offset = HEADER;
        for _ in 0..u32::from_le_bytes(number(head, 12)) {
            let (head, rest) = header(bytes, offset)?;
            offset += HEADER;
            let section = SectionKind(number(head, 0));
            let length = u64::from_le_bytes(number(head, 8));
            let content = usize::try_from(length).ok().and_then(|length| rest.get(..length));
            let content = content.ok_or(SnapshotError::TruncatedAt {
                offset: offset as u64,
                needed: length,
                have: rest.len() as u64,
            })?;
            if checksum(&head[..16], content) != u32::from_le_bytes(number(head, 16)) {
                return Err(SnapshotError::Checksum { section });
            }
            if sections.iter().any(|s| s.0 == section) {
                return Err(SnapshotError::DuplicateSection { section });
            }
            let version = u32::from_le_bytes(number(head, 4));
            sections.push((
                section,
                Section {
                    version,
                    bytes: content,
                },
            ));
            offset += content.len();
        }
        if bytes.len() > offset {
            return Err(SnapshotError::TrailingBytes {
                offset: offset as u64,
                bytes: (bytes.len() - offset) as u64,
            });
        }
        Ok(Reader { sections })
    }

    /// The kinds of all sections, in their order.
    pub fn kinds(&self) -> impl Iterator<Item = SectionKind> {
        self.sections.iter().map(|s| s.0)
    }

    /// The section of this kind, if there is one. `supported` is the newest version that the caller understands; the oldest is 1.
    ///
    /// # Errors
    /// The section is of another version.
    pub fn section(&self, kind: SectionKind, supported: u32) -> Result<Option<Section<'s>>, SnapshotError> {
        let Some((_, section)) = self.sections.iter().find(|s| s.0 == kind) else {
            return Ok(None);
        };
        if !(1..=supported).contains(&section.version) {
            return Err(SnapshotError::UnsupportedVersion {
                section: kind,
                found: section.version,
                supported,
            });
        }
        Ok(Some(*section))
    }

    /// The section of this kind, which must be there.
    ///
    /// # Errors
    /// The section is not there, or of another version.
    pub fn required(&self, kind: SectionKind, supported: u32) -> Result<Section<'s>, SnapshotError> {
        self.section(kind, supported)?
            .ok_or(SnapshotError::MissingSection { section: kind })
    }

    /// The value in the section of this kind, if there is one, as [`Writer::value`](super::Writer::value) wrote it.
    ///
    /// # Errors
    /// The section is of another version, or holds something else.
    pub fn value<T: DeserializeOwned>(&self, kind: SectionKind, supported: u32) -> Result<Option<T>, SnapshotError> {
        let section = self.section(kind, supported)?;
        section.map(|section| decode(kind, section.bytes)).transpose()
    }

    /// The value in the section of this kind, which must be there.
    ///
    /// # Errors
    /// The section is not there, of another version, or holds something else.
    pub fn required_value<T: DeserializeOwned>(&self, kind: SectionKind, supported: u32) -> Result<T, SnapshotError> {
        decode(kind, self.required(kind, supported)?.bytes)
    }
}

fn decode<T: DeserializeOwned>(section: SectionKind, bytes: &[u8]) -> Result<T, SnapshotError> {
    let mut decoder = rmp_serde::Deserializer::new(Cursor::new(bytes));
    decoder.set_max_depth(MAX_DEPTH);
    let value = T::deserialize(&mut decoder).map_err(|error| SnapshotError::Value {
        section,
        problem: error.to_string(),
    })?;
    if decoder.position() != bytes.len() as u64 {
        return Err(SnapshotError::Inconsistent {
            section,
            problem: "bytes follow its value",
        });
    }
    Ok(value)
}
