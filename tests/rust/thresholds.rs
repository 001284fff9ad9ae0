//! Thresholds of the crate `scored` (`tests/test_flags.py`): which texts are refused and why, and which confidence a score earns.

use scored::{Confidence, Thresholds, ThresholdsError};

const GOOD: &str = r#"{"version": 1, "dirty": {"bottom": 0.1, "low": 0.25, "medium": 5e-1, "high": 1}}"#;

#[test]
fn a_score_earns_the_highest_level_it_reaches() {
    let thresholds = Thresholds::from_json(GOOD).unwrap();
    let cases = [
        (f32::NEG_INFINITY, Confidence::None),
        (0.0, Confidence::None),
        (0.099, Confidence::None),
        (0.1, Confidence::Bottom),
        (0.25, Confidence::Low),
        (0.499, Confidence::Low),
        (0.5, Confidence::Medium),
        (0.999, Confidence::Medium),
        (1.0, Confidence::High),
        (f32::INFINITY, Confidence::High),
        (f32::NAN, Confidence::None),
    ];
    for (score, expected) in cases {
        assert_eq!(thresholds.confidence(score), expected, "of {score}");
    }
    assert!(Confidence::None < Confidence::Bottom && Confidence::Medium < Confidence::High);
}

#[test]
fn order_of_keys_and_white_space_do_not_matter() {
    let text =
        "\n{\t\"dirty\" : { \"high\":1,\"medium\":0.5 , \"low\":0.25,\r\n\"bottom\":0.1} ,\"version\":1.0 } ";
    assert_eq!(Thresholds::from_json(text), Thresholds::from_json(GOOD));
}

#[test]
fn equal_thresholds_ascend() {
    let zeros = GOOD.replace("0.1", "0").replace("0.25", "0.0").replace("5e-1", "-0").replace("1}}", "0}}");
    assert_eq!(Thresholds::from_json(&zeros).map(|t| t.confidence(0.0)), Ok(Confidence::High));
}

#[test]
fn a_bad_file_is_refused_with_its_reason() {
    let cases = [
        ("", "expected an object: { at byte 0"),
        ("thresholds", "expected an object: { at byte 0"),
        ("[]", "expected an object: { at byte 0"),
        (r#"{"version": 1"#, "a comma or }"),
        (r#"{"version": 1,}"#, "a key in double quotes"),
        (r#"{"version" 1}"#, "a colon"),
        (r#"{"version: 1}"#, "the end of the key"),
        (r#"{"version": 1}"#, "the key `dirty` is missing"),
        (r#"{"dirty": {"bottom": 0, "low": 0, "medium": 0, "high": 0}}"#, "the key `version` is missing"),
        (&GOOD.replace(r#""low": 0.25, "#, ""), "the key `low` is missing"),
        (&GOOD.replace("low", "lower"), "the key `lower` is unknown or occurs twice"),
        (&GOOD.replace("low", "bottom"), "the key `bottom` is unknown or occurs twice"),
        (&GOOD.replace(r#""version": 1"#, r#""version": 2"#), "its version is not 1"),
        (&GOOD.replace("0.25", "0.05"), "`low` is below the previous threshold"),
        (&GOOD.replace("0.1", "-0.1"), "`bottom` must be a number from 0 to 1"),
        (&GOOD.replace("1}}", "1.5}}"), "`high` must be a number from 0 to 1"),
        (&GOOD.replace("1}}", "1e99}}"), "`high` must be a number from 0 to 1"),
        (&GOOD.replace("0.25", "NaN"), "expected a number"),
        (&GOOD.replace("0.25", "\"0.25\""), "expected a number"),
        (&GOOD.replace("0.25", "null"), "expected a number"),
        (&GOOD.replace("0.25", ".25"), "expected a number"),
        (&GOOD.replace("0.25", "00.25"), "expected a number"),
        (&GOOD.replace("0.25", "+0.25"), "expected a number"),
        (&GOOD.replace("0.25", "0.25.5"), "expected a number"),
        (&GOOD.replace("0.25", "-"), "expected a number"),
        (&GOOD.replace("5e-1", "5e"), "expected a number"),
        (&format!("{GOOD}x"), "the end of the file"),
        (&"{\"dirty\":".repeat(9), "the key `dirty` is unknown or occurs twice"),
    ];
    for (text, reason) in cases {
        let error = Thresholds::from_json(text).expect_err(text).to_string();
        assert!(error.contains(reason), "{text}: {error} where {reason:?} is expected");
    }
}

#[test]
fn no_prefix_of_a_good_file_is_good() {
    for end in 0..GOOD.len() {
        assert!(matches!(
            Thresholds::from_json(&GOOD[..end]),
            Err(ThresholdsError::Syntax { .. } | ThresholdsError::Missing(_))
        ));
    }
}
