//! `worker-burn NAME IN.npz THREADS`: answers the requests of the harness with burn.
//!
//! burn runs on rayon's global pool, whose size is in the environment variable `RAYON_NUM_THREADS`.

use std::hint::black_box;
use std::path::Path;

use burn::tensor::{Device, Int, Tensor, TensorData};
use engine::arrays::{self, Array, Data};
use engine::{Clock, Engine, Result};

/// A generated model with its inputs.
struct Burn<I, O, F> {
    forward: F,
    inputs: I,
    output: Option<O>,
}

impl<I, const D: usize, F: Fn(&I) -> Tensor<D>> Engine for Burn<I, Tensor<D>, F> {
    fn run(&mut self, times: u32) -> Result<()> {
        for _ in 0..times {
            self.output = Some((self.forward)(black_box(&self.inputs)));
        }
        Ok(())
    }

    fn outputs(&mut self) -> Result<Vec<f32>> {
        let output = self.output.clone().ok_or("the model has not predicted yet")?;
        Ok(output.into_data().try_to_vec().map_err(|error| format!("{error:?}"))?)
    }
}

fn boxed<I: 'static, const D: usize>(
    forward: impl Fn(&I) -> Tensor<D> + 'static,
    inputs: I,
) -> Box<dyn Engine> {
    Box::new(Burn { forward, inputs, output: None })
}

/// A tensor of burn from an array with as many axes.
trait Input: Sized {
    fn of(array: &Array) -> Result<Self>;
}

impl<const D: usize> Input for Tensor<D> {
    fn of(array: &Array) -> Result<Self> {
        match &array.data {
            Data::F32(data) => {
                Ok(Tensor::from_data(TensorData::new(data.clone(), array.shape.clone()), &Device::default()))
            }
            Data::I32(_) => Err(format!("the input {} is not of type float32", array.name).into()),
        }
    }
}

impl<const D: usize> Input for Tensor<D, Int> {
    fn of(array: &Array) -> Result<Self> {
        match &array.data {
            Data::I32(data) => {
                Ok(Tensor::from_data(TensorData::new(data.clone(), array.shape.clone()), &Device::default()))
            }
            Data::F32(_) => Err(format!("the input {} is not of type int32", array.name).into()),
        }
    }
}

/// Includes the generated models and declares `load`, which selects one by name.
macro_rules! models {
    ($(($kind:ident $name:ident $detail:tt))*) => {
        $(models!(@include $kind $name);)*

        fn load(name: &str, arrays: &[Array]) -> Result<Box<dyn Engine>> {
            match name {
                $(stringify!($name) => models!(@load $kind $name $detail arrays),)*
                _ => Err("it was built without the model".into()),
            }
        }
    };
    (@include generated $name:ident) => {
        #[allow(unused)]
        mod $name {
            include!(concat!(env!("OUT_DIR"), "/", stringify!($name), ".rs"));
        }
    };
    (@include refused $name:ident) => {};
    (@load generated $name:ident [$($index:tt),*] $arrays:ident) => {{
        let model = $name::Model::default();
        let inputs = ($(Input::of($arrays.get($index).ok_or("an input is missing")?)?,)*);
        Ok(boxed(move |inputs| model.forward($(Clone::clone(&inputs.$index)),*), inputs))
    }};
    (@load refused $name:ident $why:literal $arrays:ident) => {
        Err($why.into())
    };
}

include!(concat!(env!("OUT_DIR"), "/models.rs"));

fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [name, inputs, threads] = arguments.as_slice() else {
        return Err("usage: worker-burn NAME IN.npz THREADS".into());
    };
    let (inputs, clock) = (Path::new(inputs), Clock::of(threads.parse()?));
    // In a thread of the pool, so that no operation waits for another thread to begin.
    let served = rayon_core::scope(|_| {
        let loaded = arrays::read(inputs).and_then(|arrays| load(name, &arrays));
        worker::serve(loaded, clock).map_err(|error| error.to_string())
    });
    Ok(served?)
}
