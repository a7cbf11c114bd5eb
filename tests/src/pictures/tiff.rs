//! Writes EXIF blocks (TIFF 6.0 section 2; CIPA DC-008) with any tags, in either byte order.

/// One tag of a directory.
#[derive(Debug, Clone)]
pub struct Tag {
    number: u16,
    kind: u16,
    value: Value,
}

#[derive(Debug, Clone)]
enum Value {
    Bytes(Vec<u8>),
    Shorts(Vec<u16>),
    /// Bytes that lie elsewhere in the block; the tag's value is where.
    Offset(Vec<u8>),
    Long(u32),
    Directory(Vec<Tag>),
}

/// A text with its terminator (ASCII).
pub fn ascii(number: u16, text: &[u8]) -> Tag {
    Tag { number, kind: 2, value: Value::Bytes([text, b"\0"].concat()) }
}

/// Bytes of no kind (UNDEFINED).
pub fn undefined(number: u16, bytes: &[u8]) -> Tag {
    Tag { number, kind: 7, value: Value::Bytes(bytes.to_vec()) }
}

/// Bytes (BYTE).
pub fn byte(number: u16, bytes: &[u8]) -> Tag {
    Tag { number, kind: 1, value: Value::Bytes(bytes.to_vec()) }
}

/// Numbers of 16 bits (SHORT).
pub fn shorts(number: u16, values: &[u16]) -> Tag {
    Tag { number, kind: 3, value: Value::Shorts(values.to_vec()) }
}

/// A number of 32 bits (LONG).
pub fn long(number: u16, value: u32) -> Tag {
    Tag { number, kind: 4, value: Value::Long(value) }
}

/// A place in the block at which `bytes` lie (LONG).
pub fn offset(number: u16, bytes: &[u8]) -> Tag {
    Tag { number, kind: 4, value: Value::Offset(bytes.to_vec()) }
}

/// Another directory (LONG).
pub fn directory(number: u16, tags: Vec<Tag>) -> Tag {
    Tag { number, kind: 4, value: Value::Directory(tags) }
}

/// A block of a chain of directories, without the prefix that it has in a JPEG.
pub fn block(big_endian: bool, chain: &[Vec<Tag>]) -> Vec<u8> {
    let mut block = Block { bytes: Vec::new(), big_endian };
    block.bytes.extend(if big_endian { b"MM" } else { b"II" });
    block.short(42);
    block.long(8);
    for (at, tags) in chain.iter().enumerate() {
        let next = block.directory(tags);
        if at + 1 < chain.len() {
            let end = block.bytes.len() as u32;
            block.set(next, end);
        }
    }
    block.bytes
}

struct Block {
    bytes: Vec<u8>,
    big_endian: bool,
}

impl Block {
    fn short(&mut self, value: u16) {
        self.bytes.extend(if self.big_endian { value.to_be_bytes() } else { value.to_le_bytes() });
    }

    fn long(&mut self, value: u32) {
        self.bytes.extend(if self.big_endian { value.to_be_bytes() } else { value.to_le_bytes() });
    }

    fn set(&mut self, at: usize, value: u32) {
        let value = if self.big_endian { value.to_be_bytes() } else { value.to_le_bytes() };
        self.bytes[at..at + 4].copy_from_slice(&value);
    }

    /// Writes a directory and what its tags point to; gives the place of the link to the next one.
    fn directory(&mut self, tags: &[Tag]) -> usize {
        let mut tags = tags.to_vec();
        tags.sort_by_key(|tag| tag.number);
        self.short(tags.len() as u16);
        let mut later = Vec::new();
        for tag in &tags {
            self.short(tag.number);
            self.short(tag.kind);
            let content = match &tag.value {
                Value::Bytes(bytes) => bytes.clone(),
                Value::Shorts(values) => {
                    let bytes = |value: &u16| if self.big_endian { value.to_be_bytes() } else { value.to_le_bytes() };
                    values.iter().flat_map(bytes).collect()
                }
                Value::Offset(_) | Value::Directory(_) => vec![0; 4],
                Value::Long(value) => if self.big_endian { value.to_be_bytes() } else { value.to_le_bytes() }.to_vec(),
            };
            let size = match tag.kind {
                3 => 2,
                4 => 4,
                _ => 1,
            };
            self.long((content.len() / size) as u32);
            let at = self.bytes.len();
            let mut inline = content.clone();
            inline.resize(4, 0);
            self.bytes.extend(&inline[..4]);
            match &tag.value {
                Value::Offset(_) | Value::Directory(_) => later.push((at, tag.value.clone())),
                _ if content.len() > 4 => later.push((at, Value::Bytes(content))),
                _ => {}
            }
        }
        let next = self.bytes.len();
        self.long(0);
        for (at, value) in later {
            let end = self.bytes.len() as u32;
            self.set(at, end);
            match value {
                Value::Directory(tags) => drop(self.directory(&tags)),
                Value::Bytes(bytes) | Value::Offset(bytes) => self.bytes.extend(bytes),
                Value::Shorts(_) | Value::Long(_) => {}
            }
            if self.bytes.len() % 2 == 1 {
                self.bytes.push(0);
            }
        }
        next
    }
}
