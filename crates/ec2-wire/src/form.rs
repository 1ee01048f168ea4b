//! `application/x-www-form-urlencoded`, read strictly: half a percent sequence or broken UTF-8 is an error, never a guess.

use crate::error::{WireError, echo};

/// The most parameters a query string or form may hold.
pub const MAX_PARAMETERS: usize = 20_000;

/// The parameters of a query string or form body, in order. `+` is a space; a name without `=` has an empty value.
///
/// Fails with `MalformedQueryString` on a broken escape, on text that is not UTF-8, and on more than
/// [`MAX_PARAMETERS`]. How large the input may be is the caller's to bound.
pub fn parse_form(input: &[u8]) -> Result<Vec<(String, String)>, WireError> {
    let mut parameters = Vec::new();
    for pair in input.split(|&byte| byte == b'&').filter(|pair| !pair.is_empty()) {
        if parameters.len() == MAX_PARAMETERS {
            return Err(WireError::malformed_query(format!("More than {MAX_PARAMETERS} parameters.")));
        }
        let (name, value) = match pair.iter().position(|&byte| byte == b'=') {
            Some(at) => (&pair[..at], &pair[at + 1..]),
            None => (pair, [].as_slice()),
        };
        parameters.push((unescape(name)?, unescape(value)?));
    }
    Ok(parameters)
}

fn unescape(text: &[u8]) -> Result<String, WireError> {
    let broken = |what| {
        let text = String::from_utf8_lossy(text);
        WireError::malformed_query(format!("{what} in the query string near {:?}.", echo(&text)))
    };
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(&byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let high = rest.next().and_then(|&digit| char::from(digit).to_digit(16));
                let low = rest.next().and_then(|&digit| char::from(digit).to_digit(16));
                let (Some(high), Some(low)) = (high, low) else { return Err(broken("A broken percent sequence")) };
                (high << 4 | low) as u8
            }
            other => other,
        });
    }
    String::from_utf8(bytes).map_err(|_| broken("Text that is not UTF-8"))
}

/// Appends the text with everything escaped but letters, digits and `-._~`, as SigV4 and RFC 3986 want it.
pub fn escape_into(out: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
            out.push('%');
            out.push(char::from(DIGITS[usize::from(byte >> 4)]));
            out.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }
}

/// The parameters as a query string or form body.
pub fn write_form<N: AsRef<str>, V: AsRef<str>>(parameters: &[(N, V)]) -> String {
    let mut out = String::new();
    for (name, value) in parameters {
        if !out.is_empty() {
            out.push('&');
        }
        escape_into(&mut out, name.as_ref());
        out.push('=');
        escape_into(&mut out, value.as_ref());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Vec<(String, String)> {
        parse_form(text.as_bytes()).unwrap()
    }

    #[test]
    fn forms_are_read() {
        let pairs = |list: &[(&str, &str)]| -> Vec<(String, String)> {
            list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        assert_eq!(parse(""), []);
        assert_eq!(parse("&&"), []);
        assert_eq!(parse("a=1&b&c=x+y%20%C3%A9=&"), pairs(&[("a", "1"), ("b", ""), ("c", "x y é=")]));
    }

    #[test]
    fn broken_forms_are_refused() {
        for text in [&b"a=%"[..], b"a=%2", b"%zz=1", b"a=%+1", b"a=%C3", b"a=\xff"] {
            assert_eq!(parse_form(text).unwrap_err().code, "MalformedQueryString", "{text:?}");
        }
        assert!(parse_form(&b"a&".repeat(MAX_PARAMETERS)).is_ok());
        assert!(parse_form(&b"a&".repeat(MAX_PARAMETERS + 1)).is_err());
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_reads_back(parameters: Vec<(String, String)>) {
            // An empty name with an empty value is "=", which is a pair, too.
            let text = write_form(&parameters);
            proptest::prop_assert_eq!(parse(&text), parameters);
        }

        #[test]
        fn any_bytes_are_survived(bytes: Vec<u8>) {
            let _ = parse_form(&bytes);
        }
    }
}
