//! The crates that tf2rust generated from the models.

use std::hint::black_box;

use engine::arrays::{Array, Typed, find};
use engine::{Engine, Result};
use tf_layers::Error;
use tf_layers::tensor::TensorView;

fn view<T: Typed>(arrays: &'static [Array], name: &str) -> Result<TensorView<'static, T>> {
    let array = find(arrays, name)?;
    let data = T::of(array).ok_or_else(|| format!("the input {name} has another type"))?;
    Ok(TensorView::new(data, &array.shape)?)
}

/// Makes calls inside rayon's pool, so that none waits for another thread.
#[cfg(feature = "rayon")]
fn in_pool(predict: impl FnOnce() -> Result<(), Error> + Send) -> Result<(), Error> {
    rayon_core::scope(|_| predict())
}

#[cfg(not(feature = "rayon"))]
fn in_pool(predict: impl FnOnce() -> Result<(), Error>) -> Result<(), Error> {
    predict()
}

/// Sets the number of threads of all crates.
#[cfg(feature = "rayon")]
pub fn use_threads(threads: usize) -> Result<()> {
    Ok(rayon_core::ThreadPoolBuilder::new().num_threads(threads).build_global()?)
}

#[cfg(not(feature = "rayon"))]
pub fn use_threads(threads: usize) -> Result<()> {
    if threads == 1 { Ok(()) } else { Err("the crates were built without the feature rayon".into()) }
}

/// Declares an engine for every crate, and `new`, which selects one by name.
macro_rules! crates {
    ($($name:ident: $model:ident, [$($input:ident: $type:ty),+], $output:ident;)+) => {
        $(mod $name {
            use super::*;

            pub struct Crate {
                model: ::$name::$model<'static>,
                inputs: ::$name::Inputs<'static>,
                outputs: ::$name::Outputs,
                workspace: ::$name::Workspace,
            }

            impl Crate {
                pub fn new(arrays: &'static [Array]) -> Result<Self> {
                    Ok(Self {
                        model: ::$name::$model::new()?,
                        inputs: ::$name::Inputs { $($input: view::<$type>(arrays, stringify!($input))?),+ },
                        outputs: Default::default(),
                        workspace: Default::default(),
                    })
                }
            }

            impl Engine for Crate {
                fn run(&mut self, times: u32) -> Result<()> {
                    Ok(in_pool(|| {
                        for _ in 0..times {
                            self.model.predict_into(black_box(&self.inputs), &mut self.outputs, &mut self.workspace)?;
                        }
                        Ok(())
                    })?)
                }

                fn outputs(&mut self) -> Result<Vec<f32>> {
                    Ok(self.outputs.$output.data().to_vec())
                }
            }
        })+

        /// The crate called `name`.
        pub fn new(name: &str, arrays: &'static [Array]) -> Result<Box<dyn Engine>> {
            match name {
                $(stringify!($name) => Ok(Box::new($name::Crate::new(arrays)?)),)+
                _ => Err(format!("there is no crate {name}").into()),
            }
        }
    };
}

crates! {
    tiny_mlp: TinyMlpModel, [features: f32], out;
    dgaintel: DgaintelModel, [domain_input: i32], dense_4;
    magika: MagikaModel, [bytes: i32], target_label;
    text_cnn: TextCnnModel, [characters: i32, words: i32, extra: i32], verdict;
    mnist_cnn: MnistCnnModel, [pixels: f32], digits;
    lstm: LstmModel, [series: f32], forecast;
    mobilenet_v2: MobilenetV2Model, [image: f32], predictions;
    resnet50: Resnet50Model, [image: f32], predictions;
    emotion_cnn: EmotionCnnModel, [image: f32], emotion;
    proposal_net: ProposalNetModel, [image: f32], boxes;
    face_detector: FaceDetectorModel, [image: f32], anchors;
    face_mesh: FaceMeshModel, [image: f32], points;
    encoder: EncoderModel, [tokens: i32], logits;
    speech_block: SpeechBlockModel, [frames: f32], features;
    unet: UnetModel, [image: f32], mask;
    mnist_cnn_f16: MnistCnnF16Model, [pixels: f32], digits;
    mnist_cnn_int8: MnistCnnInt8Model, [pixels: f32], digits;
    lstm_int8: LstmInt8Model, [series: f32], forecast;
    encoder_int8: EncoderInt8Model, [tokens: i32], logits;
    mobilenet_v2_int8: MobilenetV2Int8Model, [image: f32], predictions;
    resnet50_int8: Resnet50Int8Model, [image: f32], predictions;
    resnet50_bf16: Resnet50Bf16Model, [image: f32], predictions;
    encoder_bf16: EncoderBf16Model, [tokens: i32], logits;
    dense_512: Dense512Model, [x: f32], y;
}
