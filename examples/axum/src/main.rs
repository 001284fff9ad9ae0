//! An HTTP service for any number of models.
//!
//! `GET /models` lists them. `POST /models/NAME` takes a JSON object with a nested array for each input, and returns one
//! with a nested array for each output. A request that the model cannot answer gets `{"error": …}`.

mod json;

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

use anomaly::AnomalyModel;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use scorer::ScorerModel;
use scorer::interface::{AnySession, Port, Session};
use serde_json::{Map, Value};
use tokio::net::TcpListener;

/// The models by name. A session serves one request at a time; add more sessions per model if requests wait.
type Models = Arc<BTreeMap<&'static str, Mutex<Box<dyn AnySession + Send>>>>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let sessions: [Box<dyn AnySession + Send>; 2] = [
        Box::new(Session::new(ScorerModel::new()?, &[])?),
        Box::new(Session::new(AnomalyModel::new()?, &[])?),
    ];
    let models: Models =
        Arc::new(sessions.into_iter().map(|session| (session.name(), Mutex::new(session))).collect());
    let router =
        Router::new().route("/models", get(list)).route("/models/{name}", post(predict)).with_state(models);
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".into());
    let listener = TcpListener::bind(address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, router).await?)
}

async fn list(State(models): State<Models>) -> Json<Value> {
    let shown = |ports: &[Port]| Value::from_iter(ports.iter().map(Port::to_string));
    let describe = |session: &Mutex<Box<dyn AnySession + Send>>| {
        let session = session.lock().unwrap_or_else(PoisonError::into_inner);
        serde_json::json!({ "inputs": shown(session.inputs()), "outputs": shown(session.outputs()) })
    };
    Json(models.iter().map(|(name, session)| ((*name).to_string(), describe(session))).collect())
}

async fn predict(
    State(models): State<Models>,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<Json<Value>, Failure> {
    let session = models.get(name.as_str()).ok_or_else(|| Failure::unknown(&name))?;
    let request: Map<String, Value> =
        serde_json::from_slice(&body).map_err(|e| Failure::bad(e.to_string()))?;
    let mut session = session.lock().unwrap_or_else(PoisonError::into_inner);
    let tensors = json::read(session.inputs(), &request).map_err(Failure::bad)?;
    let inputs = tensors.iter().map(json::Tensor::view).collect::<Result<Vec<_>, _>>();
    // A small model answers in microseconds. Move larger ones to `tokio::task::spawn_blocking`.
    inputs.and_then(|inputs| session.run(&inputs)).map_err(|e| Failure::bad(e.to_string()))?;
    let outputs = session.outputs().iter().enumerate().map(|(index, port)| {
        let output = session.output(index).and_then(json::write);
        output.map(|value| (port.name.to_string(), value)).ok_or_else(|| Failure::unsupported(port))
    });
    Ok(Json(Value::Object(outputs.collect::<Result<_, _>>()?)))
}

/// An answer with a status and a JSON object that has the message.
struct Failure(StatusCode, String);

impl Failure {
    fn bad(message: String) -> Self {
        Self(StatusCode::BAD_REQUEST, message)
    }

    fn unknown(name: &str) -> Self {
        Self(StatusCode::NOT_FOUND, format!("there is no model `{name}`; GET /models lists them"))
    }

    fn unsupported(port: &Port) -> Self {
        Self(StatusCode::INTERNAL_SERVER_ERROR, format!("this service cannot return {port}"))
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.0, Json(serde_json::json!({ "error": self.1 }))).into_response()
    }
}
