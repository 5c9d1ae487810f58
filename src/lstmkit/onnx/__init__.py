"""ONNX and Keras: run and read ONNX LSTM nodes, write layers as ONNX, and read the weights of Keras layers."""

from lstmkit.onnx.keras import from_keras as from_keras
from lstmkit.onnx.node import run_node as run_node
from lstmkit.onnx.read import load_lstm as load_lstm
from lstmkit.onnx.write import export as export
