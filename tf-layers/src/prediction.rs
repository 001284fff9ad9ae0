//! What a binary classifier says of a sample: its score, and how much confidence that score deserves.

use alloc::string::String;
use core::fmt;

/// How sure a classifier is that a sample is dirty, from not at all to very.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Confidence {
    /// The score reaches no threshold, or is NaN.
    #[default]
    None,
    /// The score reaches the lowest threshold.
    Bottom,
    /// The score reaches the second threshold.
    Low,
    /// The score reaches the third threshold.
    Medium,
    /// The score reaches the highest threshold.
    High,
}

/// The scores from which on each level of confidence holds: ascending, from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    /// From here on [`Confidence::Bottom`].
    pub bottom: f32,
    /// From here on [`Confidence::Low`].
    pub low: f32,
    /// From here on [`Confidence::Medium`].
    pub medium: f32,
    /// From here on [`Confidence::High`].
    pub high: f32,
}

/// The score of one sample, and the confidence it deserves.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ScanPrediction {
    /// Which of the samples that were passed this is; 0 where there was one.
    pub fv_index: usize,
    /// The level of confidence whose threshold the score reaches.
    pub confidence: Confidence,
    /// The score that the model computed.
    pub decision_value: f32,
}

/// What a binary classifier says of one sample.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct BinaryModelResult {
    /// The prediction that the sample is dirty: of class 1.
    pub dirty: ScanPrediction,
}

/// Why a text is not the `thresholds.json` of a model.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ThresholdsError {
    /// The text is not JSON, or has a value of the wrong kind.
    Syntax {
        /// The offset in bytes at which it goes wrong.
        position: usize,
        /// What should stand there.
        expected: &'static str,
    },
    /// A key that must be there is not.
    Missing(&'static str),
    /// A key that means nothing, or stands there twice.
    Key(String),
    /// A version of the format other than 1.
    Version,
    /// A threshold that is no number from 0 to 1.
    Range(&'static str),
    /// A threshold that is below the one before it.
    Order(&'static str),
}

impl fmt::Display for ThresholdsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax { position, expected } => write!(f, "at byte {position} there should be {expected}"),
            Self::Missing(key) => write!(f, "the key `{key}` is missing"),
            Self::Key(key) => write!(f, "the key `{key}` is unknown or there twice"),
            Self::Version => f.write_str("it is of another version than 1; convert the model again"),
            Self::Range(key) => write!(f, "`{key}` must be a number from 0 to 1"),
            Self::Order(key) => write!(f, "`{key}` is below the threshold before it; they must ascend"),
        }
    }
}

impl core::error::Error for ThresholdsError {}

/// The thresholds' keys in the order in which they must ascend.
const LEVELS: [&str; 4] = ["bottom", "low", "medium", "high"];

impl Thresholds {
    /// The highest level whose threshold `score` reaches.
    #[must_use]
    pub fn confidence(&self, score: f32) -> Confidence {
        if score >= self.high {
            Confidence::High
        } else if score >= self.medium {
            Confidence::Medium
        } else if score >= self.low {
            Confidence::Low
        } else if score >= self.bottom {
            Confidence::Bottom
        } else {
            Confidence::None
        }
    }

    /// Reads `{"version": 1, "dirty": {"bottom": …, "low": …, "medium": …, "high": …}}` and checks it.
    pub fn from_json(text: &str) -> Result<Self, ThresholdsError> {
        let mut json = Json { text, at: 0 };
        let [version, dirty] = json.object(["version", "dirty"], |json, key| match key {
            "version" => json.number().map(|version| [version; 4]),
            _ => json.object(LEVELS, |json, _| json.number()),
        })?;
        json.end()?;
        // Exact: 1 is what was written, or it was not.
        if version[0].to_bits() != 1f32.to_bits() {
            return Err(ThresholdsError::Version);
        }
        let mut least = 0.0;
        for (value, key) in dirty.into_iter().zip(LEVELS) {
            if !(0.0..=1.0).contains(&value) {
                return Err(ThresholdsError::Range(key));
            }
            if value < least {
                return Err(ThresholdsError::Order(key));
            }
            least = value;
        }
        let [bottom, low, medium, high] = dirty;
        Ok(Self { bottom, low, medium, high })
    }
}

/// A reader of the JSON that thresholds are written in: objects with known keys, and numbers.
struct Json<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Json<'t> {
    /// An object that has exactly these keys, in any order; the values are in the order of `keys`.
    fn object<T: Copy + Default, const N: usize>(
        &mut self,
        keys: [&'static str; N],
        mut value: impl FnMut(&mut Self, &str) -> Result<T, ThresholdsError>,
    ) -> Result<[T; N], ThresholdsError> {
        let (mut values, mut found) = ([T::default(); N], [false; N]);
        self.expect('{', "an object: {")?;
        while !self.skip('}') {
            if found.contains(&true) {
                self.expect(',', "a comma or }")?;
            }
            let key = self.string()?;
            let Some(index) = keys.iter().position(|k| *k == key).filter(|&index| !found[index]) else {
                return Err(ThresholdsError::Key(key.into()));
            };
            self.expect(':', "a colon")?;
            values[index] = value(self, key)?;
            found[index] = true;
        }
        let missing = found.iter().position(|found| !found);
        missing.map_or(Ok(values), |index| Err(ThresholdsError::Missing(keys[index])))
    }

    /// A string without escapes; none of the known keys has any.
    fn string(&mut self) -> Result<&'t str, ThresholdsError> {
        self.expect('"', "a key in double quotes")?;
        let rest = &self.text[self.at..];
        let end = rest.find(['"', '\\', '\n']).filter(|&end| rest[end..].starts_with('"'));
        let end = end.ok_or(self.syntax("the end of the key: a double quote"))?;
        self.at += end + 1;
        Ok(&rest[..end])
    }

    fn number(&mut self) -> Result<f32, ThresholdsError> {
        self.space();
        let rest = &self.text[self.at..];
        let end =
            rest.find(|c: char| !matches!(c, '0'..='9' | '+' | '-' | '.' | 'e' | 'E')).unwrap_or(rest.len());
        let number = is_number(&rest[..end]).then(|| rest[..end].parse().ok()).flatten();
        let number = number.ok_or(self.syntax("a number"))?;
        self.at += end;
        Ok(number)
    }

    fn end(&mut self) -> Result<(), ThresholdsError> {
        self.space();
        if self.at == self.text.len() { Ok(()) } else { Err(self.syntax("the end of the file")) }
    }

    fn expect(&mut self, token: char, expected: &'static str) -> Result<(), ThresholdsError> {
        if self.skip(token) { Ok(()) } else { Err(self.syntax(expected)) }
    }

    /// Steps over `token`, if it is what comes next.
    fn skip(&mut self, token: char) -> bool {
        self.space();
        let is_next = self.text[self.at..].starts_with(token);
        self.at += usize::from(is_next);
        is_next
    }

    fn space(&mut self) {
        self.at = self.text.len() - self.text[self.at..].trim_start_matches([' ', '\t', '\n', '\r']).len();
    }

    fn syntax(&self, expected: &'static str) -> ThresholdsError {
        ThresholdsError::Syntax { position: self.at, expected }
    }
}

/// Whether `text` is a number as JSON writes it: Rust itself would also take `+1`, `01`, `.5` and `1.`.
fn is_number(text: &str) -> bool {
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let text = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    is_digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && is_digits(fraction)
        && is_digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))
}
