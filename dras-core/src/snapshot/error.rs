//! Why a snapshot cannot be read or written.

use super::{FORMAT, SectionKind};

/// Why a snapshot cannot be read or written. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// The bytes do not begin as every snapshot does.
    #[error(
        "this is not a snapshot of dras: its first bytes are others; if it was one, a transfer may have changed its line ends"
    )]
    NotASnapshot,
    /// The container is of another version.
    #[error(
        "the snapshot has format version {found}, but this release reads version {FORMAT}; read it with the release that wrote it"
    )]
    UnsupportedFormat {
        /// Its version.
        found: u32,
    },
    /// A section that is known is of a version that is not.
    #[error(
        "section `{section}` of the snapshot has version {found}, but this release reads versions 1 to {supported}; read it with the release that wrote it"
    )]
    UnsupportedVersion {
        /// The section.
        section: SectionKind,
        /// Its version.
        found: u32,
        /// The newest version that can be read.
        supported: u32,
    },
    /// The bytes end too early.
    #[error(
        "the snapshot is cut off: {needed} bytes should follow byte {offset}, but there are {have}; fetch it again, whole"
    )]
    TruncatedAt {
        /// Where the missing part begins, in bytes from the start of the snapshot, or of the section for an array in it.
        offset: u64,
        /// How many bytes should follow.
        needed: u64,
        /// How many do.
        have: u64,
    },
    /// Bytes follow the last section.
    #[error("{bytes} bytes follow the end of the snapshot at byte {offset}; give it alone")]
    TrailingBytes {
        /// Where the snapshot ends.
        offset: u64,
        /// How many bytes follow.
        bytes: u64,
    },
    /// The header is damaged.
    #[error("the header of the snapshot is damaged: its checksum differs; fetch it again, or take an older one")]
    HeaderChecksum,
    /// A section is damaged.
    #[error(
        "section `{section}` of the snapshot is damaged: its checksum differs; fetch it again, or take an older one"
    )]
    Checksum {
        /// The section.
        section: SectionKind,
    },
    /// Two sections are of one kind.
    #[error("the snapshot has two sections `{section}`; each can be there once")]
    DuplicateSection {
        /// The section.
        section: SectionKind,
    },
    /// A section that must be there is not.
    #[error("the snapshot has no section `{section}`; it holds something else than what was asked of it")]
    MissingSection {
        /// The section.
        section: SectionKind,
    },
    /// A section does not hold the values that its version has.
    #[error("section `{section}` of the snapshot cannot be understood: {problem}")]
    Value {
        /// The section.
        section: SectionKind,
        /// What the decoder says.
        problem: String,
    },
    /// A value cannot be written.
    #[error("section `{section}` of the snapshot cannot be written: {problem}")]
    NotWritable {
        /// The section.
        section: SectionKind,
        /// What the encoder says.
        problem: String,
    },
    /// There is more of something than can be.
    #[error("section `{section}` of the snapshot has {found} {what}; at most {most} are possible")]
    TooLarge {
        /// The section.
        section: SectionKind,
        /// What there is too much of.
        what: &'static str,
        /// How much there is.
        found: u64,
        /// How much there can be.
        most: u64,
    },
    /// Values contradict each other, so that no state can have been written as these.
    #[error("section `{section}` of the snapshot contradicts itself: {problem}")]
    Inconsistent {
        /// The section.
        section: SectionKind,
        /// What is wrong.
        problem: &'static str,
    },
}
