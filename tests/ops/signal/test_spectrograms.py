"""Fourier transforms and spectrograms of Keras, whose complex numbers ONNX does not have."""

from __future__ import annotations

import pytest

from tests.ops.cases import Case, Table, case, check, keras, parametrised
from tests.ops.conftest import Outcomes

layers, ops = keras.layers, keras.ops

TABLE: dict[str, Case] = {
    "rfft": case(lambda x: ops.rfft(x), (48,), becomes="Dense Dense"),
    "rfft_padded": case(lambda x: ops.rfft(x, 64), (48,)),
    "rfft_cut": case(lambda x: ops.rfft(x, 31), (48,)),
    "irfft": case(lambda x: ops.irfft(ops.rfft(2 * x)), (48,)),
    "fft": case(lambda x, y: ops.fft((x, y)), (24,), (24,)),
    "ifft2": case(lambda x, y: ops.ifft2((x, y)), (6, 8), (6, 8)),
    "stft": case(lambda x: ops.stft(x, 16, 4, 32), (64,)),
    "istft": case(lambda x: ops.istft(ops.stft(x, 16, 4, 32), 16, 4, 32), (64,)),
    "mel": case(
        lambda x: layers.MelSpectrogram(fft_length=32, sequence_stride=8, num_mel_bins=6, sampling_rate=800)(x), (64,)
    ),
}
TABLES = [Table("spectrograms", TABLE)]


@pytest.mark.parametrize(("table", "name", "item"), parametrised(TABLES))
def test_spectrograms(outcomes: Outcomes, table: str, name: str, item: Case) -> None:
    check(outcomes[table, name], item)
