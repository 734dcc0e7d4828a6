//! Which encoding a text file is in, and its bytes as UTF-8. A byte that belongs to no character becomes 0xFF,
//! which is none in UTF-8 either, so that the row it stands in is refused with its line and no other.

use super::Broken;
use encoding_rs::{Decoder, DecoderResult, Encoding, GB18030, UTF_8};
use std::io::{BufRead, Read};

/// The encoding a label names (`gbk`, `gb18030`, `utf-16le`, `windows-1252`), or what is wrong with it.
pub(super) fn labelled(label: &str) -> Result<&'static Encoding, Broken> {
    Encoding::for_label(label.trim().as_bytes()).ok_or_else(|| {
        let known = ["utf-8", "gb18030", "gbk", "big5", "utf-16le", "utf-16be", "shift_jis", "windows-1252"];
        let remedy = match domain::problem::nearest(&label.to_lowercase(), known) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("there are {} and others of the web's", known.join(", ")),
        };
        Broken::file("--encoding", "unknown_encoding", format!("there is no encoding \"{label}\"; {remedy}"))
    })
}

/// What a text looks like, by its mark or all of its bytes.
pub(super) fn detect(
    input: &mut dyn BufRead,
    hint: Option<&'static Encoding>,
) -> std::io::Result<&'static Encoding> {
    let start = input.fill_buf()?;
    if let Some((marked, _)) = Encoding::for_bom(start) {
        return Ok(marked);
    }
    let mut tally = Tally::default();
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() {
            break;
        }
        buffer.iter().for_each(|byte| tally.take(*byte));
        let n = buffer.len();
        input.consume(n);
    }
    Ok(tally.verdict(hint))
}

/// Counts what would be a character in UTF-8 and what in GB18030.
#[derive(Default)]
struct Tally {
    /// Bytes that UTF-8 still expects.
    expected: u8,
    utf8: u64,
    not_utf8: u64,
    /// A first half in GB18030.
    half: bool,
    /// Pairs of two high bytes, as nearly all Chinese text has; pairs with a low second one, as a lonely
    /// accent before a letter looks like.
    pairs: u64,
    lonely: u64,
}

impl Tally {
    fn take(&mut self, byte: u8) {
        match (self.expected, byte) {
            (0, 0..0x80) => {}
            (0, 0xc2..=0xdf) => self.expected = 1,
            (0, 0xe0..=0xef) => self.expected = 2,
            (0, 0xf0..=0xf4) => self.expected = 3,
            (0, _) => self.not_utf8 += 1,
            (n, 0x80..=0xbf) => {
                self.expected = n - 1;
                self.utf8 += u64::from(n == 1);
            }
            _ => {
                self.not_utf8 += 1;
                self.expected = 0;
                if byte >= 0xc2 {
                    self.expected = 1;
                }
            }
        }
        self.half = match (self.half, byte) {
            (false, 0x81..=0xfe) => true,
            (false, _) => false,
            (true, 0x80..=0xfe) => {
                self.pairs += 1;
                false
            }
            (true, _) => {
                self.lonely += 1;
                false
            }
        };
    }

    fn verdict(&self, hint: Option<&'static Encoding>) -> &'static Encoding {
        let broken = self.not_utf8 + u64::from(self.expected > 0);
        if broken == 0 || self.utf8 > 2 * broken {
            return UTF_8;
        }
        if self.pairs > 2 * self.lonely { hint.unwrap_or(GB18030) } else { hint.unwrap_or(UTF_8) }
    }
}

/// A text as UTF-8, whatever it is in.
pub(super) struct Decoded<R> {
    input: R,
    decoder: Decoder,
    out: Vec<u8>,
    at: usize,
    ended: bool,
}

/// The text as UTF-8 without its mark. What is UTF-8 already passes as it is.
pub(super) fn decoded(
    mut input: Box<dyn BufRead + Send>,
    encoding: &'static Encoding,
) -> std::io::Result<Box<dyn BufRead + Send>> {
    if encoding == UTF_8 {
        if input.fill_buf()?.starts_with(b"\xef\xbb\xbf") {
            input.consume(3);
        }
        return Ok(input);
    }
    let decoder = encoding.new_decoder_with_bom_removal();
    Ok(Box::new(Decoded { input, decoder, out: Vec::new(), at: 0, ended: false }))
}

impl<R: BufRead> Decoded<R> {
    fn refill(&mut self) -> std::io::Result<()> {
        const CHUNK: usize = 16 * 1024;
        while self.at == self.out.len() && !self.ended {
            let source = self.input.fill_buf()?;
            let (taken, last) = (source.len().min(CHUNK), source.is_empty());
            // Room for the worst that a chunk can become.
            self.out.resize(4 * CHUNK, 0);
            let (result, read, written) =
                self.decoder.decode_to_utf8_without_replacement(&source[..taken], &mut self.out, last);
            self.out.truncate(written);
            self.at = 0;
            self.input.consume(read);
            match result {
                DecoderResult::InputEmpty => self.ended = last,
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(..) => self.out.push(0xff),
            }
        }
        Ok(())
    }
}

impl<R: BufRead> Read for Decoded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let ready = self.fill_buf()?;
        let n = ready.len().min(buffer.len());
        buffer[..n].copy_from_slice(&ready[..n]);
        self.consume(n);
        Ok(n)
    }
}

impl<R: BufRead> BufRead for Decoded<R> {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        self.refill()?;
        Ok(&self.out[self.at..])
    }
    fn consume(&mut self, n: usize) {
        self.at += n;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use encoding_rs::{UTF_16BE, UTF_16LE, WINDOWS_1252};
    use proptest::prelude::*;

    /// A text in an encoding, UTF-16 with its mark.
    fn encoded(text: &str, encoding: &'static Encoding) -> Vec<u8> {
        if encoding == UTF_16LE || encoding == UTF_16BE {
            let little = encoding == UTF_16LE;
            let bytes = |unit: u16| if little { unit.to_le_bytes() } else { unit.to_be_bytes() };
            return std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(bytes).collect();
        }
        encoding.encode(text).0.into_owned()
    }

    fn detected(bytes: &[u8]) -> &'static str {
        let mut input = bytes;
        detect(&mut input, None).expect("read").name()
    }

    fn read(bytes: &[u8], encoding: &'static Encoding) -> Vec<u8> {
        let mut out = Vec::new();
        let input: Box<dyn BufRead + Send> = Box::new(std::io::Cursor::new(bytes.to_vec()));
        decoded(input, encoding).expect("opened").read_to_end(&mut out).expect("read");
        out
    }

    #[test]
    fn encodings_are_told_by_their_bytes() {
        let text = "订单编号,买家会员名\n1,张三\n";
        assert_eq!(detected(text.as_bytes()), "UTF-8");
        assert_eq!(detected(b"order_id,total\n1,2\n"), "UTF-8");
        for encoding in [GB18030, UTF_16LE, UTF_16BE] {
            assert_eq!(
                detected(&encoded(text, encoding)),
                if encoding == GB18030 { "gb18030" } else { encoding.name() }
            );
        }
        // One broken byte in good UTF-8, and a cut character in GBK, change nothing.
        assert_eq!(detected(&[text.as_bytes(), b"\xff\n"].concat()), "UTF-8");
        let gbk = encoded(text, GB18030);
        assert_eq!(detected(&gbk[..gbk.len() - 2]), "gb18030");
        // Accents before letters aren't Chinese: the rows are refused and say what to do.
        assert_eq!(detected(&encoded("caf\u{e9}s, r\u{e9}sum\u{e9}s, na\u{ef}ve", WINDOWS_1252)), "UTF-8");
        assert_eq!(detected(b""), "UTF-8");
    }

    #[test]
    fn what_is_no_character_spoils_its_place_only() {
        let gbk = encoded("张三\n李四\n", GB18030);
        let cut: Vec<u8> = gbk.iter().enumerate().filter(|(n, _)| *n != 3).map(|(_, byte)| *byte).collect();
        let out = read(&cut, GB18030);
        let text = String::from_utf8_lossy(&out);
        assert!(text.starts_with('张') && text.contains('\u{fffd}') && text.ends_with("李四\n"), "{text}");
        assert_eq!(*read(&gbk[..gbk.len() - 2], GB18030).last().expect("bytes"), 0xff, "cut at the end");
    }

    #[test]
    fn labels_have_nearest_names() {
        assert_eq!(labelled("GBK").expect("known").name(), "GBK");
        let Err(Broken::File(problems)) = labelled("gb18303") else { panic!("refused") };
        assert!(problems[0].detail.contains("did you mean gb18030?"), "{}", problems[0]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]
        #[test]
        fn chinese_text_comes_back_in_every_encoding(text in "[a-z,\n一-龥]{0,400}", repeat in 1_usize..60) {
            let text = text.repeat(repeat);
            for encoding in [GB18030, UTF_16LE, UTF_16BE] {
                prop_assert_eq!(String::from_utf8(read(&encoded(&text, encoding), encoding)).expect("UTF-8"), text.clone());
            }
        }

        #[test]
        fn any_bytes_are_read_to_their_end(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            for encoding in [GB18030, UTF_16LE, encoding_rs::BIG5] {
                read(&bytes, encoding);
            }
        }
    }
}
