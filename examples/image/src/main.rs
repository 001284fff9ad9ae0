//! Classifies an image: bytes of a PNG file → pixels → a tensor → probabilities.

use std::error::Error;
use std::io::Cursor;

use colors::{ColorsModel, Inputs, TensorView};
use image::imageops::FilterType;
use image::{ImageFormat, Rgb, RgbImage};

fn main() -> Result<(), Box<dyn Error>> {
    let bytes = match std::env::args().nth(1) {
        Some(path) => std::fs::read(path)?,
        None => sample()?,
    };
    let image = image::load_from_memory(&bytes)?;
    // `to_rgb32f` maps bytes to 0..1, as the model expects. Resize with the filter that the training used.
    let image = image.resize_exact(32, 32, FilterType::Triangle).to_rgb32f();
    let outputs = ColorsModel::new()?.predict(&Inputs { image: TensorView::try_from(&image)? })?;
    println!("{:.3}", outputs.classes);
    Ok(())
}

/// A PNG file with a color gradient.
fn sample() -> image::ImageResult<Vec<u8>> {
    let image = RgbImage::from_fn(64, 48, |x, y| Rgb([x as u8 * 4, y as u8 * 5, 128]));
    let mut bytes = Vec::new();
    image.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png)?;
    Ok(bytes)
}
