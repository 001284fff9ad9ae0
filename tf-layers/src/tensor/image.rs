//! Conversions from the images of the crate `image`.

use core::ops::Deref;

use image::{ImageBuffer, Pixel};

use super::{Tensor, TensorView};
use crate::error::{Error, Result};

/// Borrows the pixels as a tensor `[1, height, width, channels]`.
///
/// # Errors
///
/// If the size of the image overflows.
impl<'a, P, C> TryFrom<&'a ImageBuffer<P, C>> for TensorView<'a, P::Subpixel>
where
    P: Pixel,
    C: Deref<Target = [P::Subpixel]>,
{
    type Error = Error;

    fn try_from(image: &'a ImageBuffer<P, C>) -> Result<Self> {
        let (width, height) = image.dimensions();
        let shape = [1, height as usize, width as usize, usize::from(P::CHANNEL_COUNT)];
        let len = super::len(&shape)?;
        // The container of an image may be longer than its pixels.
        let pixels: &'a [P::Subpixel] = image.as_raw();
        Self::new(pixels.get(..len).unwrap_or_default(), shape)
    }
}

/// Converts the pixels to a tensor `[1, height, width, channels]`. They keep their values: 8-bit ones range from 0 to 255.
///
/// # Errors
///
/// If the size of the image overflows, or there is not enough memory.
impl<P, C> TryFrom<&ImageBuffer<P, C>> for Tensor<f32>
where
    P: Pixel<Subpixel: Into<f32>>,
    C: Deref<Target = [P::Subpixel]>,
{
    type Error = Error;

    fn try_from(image: &ImageBuffer<P, C>) -> Result<Self> {
        let pixels = TensorView::try_from(image)?;
        let mut tensor = Self::default();
        for (value, &pixel) in tensor.resize(pixels.shape())?.iter_mut().zip(pixels.data()) {
            *value = pixel.into();
        }
        Ok(tensor)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use image::{GrayImage, Luma, Rgb, RgbImage};

    use super::*;

    #[test]
    fn an_image_is_a_batch_of_one() {
        let image = RgbImage::from_fn(4, 2, |x, y| Rgb([x as u8, y as u8, 255]));
        let view = TensorView::try_from(&image).unwrap();
        assert_eq!((view.shape(), view.data().as_ptr()), (&[1, 2, 4, 3][..], image.as_raw().as_ptr()));
        let tensor = Tensor::<f32>::try_from(&image).unwrap();
        assert_eq!(tensor.shape(), [1, 2, 4, 3]);
        assert_eq!(
            [0, 1, 2].map(|channel| tensor.get([0, 1, 3, channel]).copied().unwrap()),
            [3.0, 1.0, 255.0]
        );
    }

    #[test]
    fn a_container_may_be_longer_than_its_pixels() {
        let longer: Vec<u16> = vec![1, 2, 3, 4, 5, 6, 7];
        let image = ImageBuffer::<Luma<u16>, _>::from_raw(3, 2, &longer[..]).unwrap();
        assert_eq!(TensorView::try_from(&image).unwrap().data(), &longer[..6]);
        assert_eq!(TensorView::try_from(&GrayImage::new(0, 7)).unwrap().shape(), [1, 7, 0, 1]);
    }
}
