"""Templates for CMSIS-NN's int8 functions (7.0 and later), on cores with and without DSP instructions."""

from utvm.libraries.ready_made.cmsis_nn.convolution import Convolve, Depthwise
from utvm.libraries.ready_made.cmsis_nn.elementwise import Add, Softmax
from utvm.libraries.ready_made.cmsis_nn.fully_connected import FullyConnected
from utvm.libraries.ready_made.cmsis_nn.pooling import AveragePool, MaxPool

TEMPLATES = (Convolve(), Depthwise(), FullyConnected(), AveragePool(), MaxPool(), Add(), Softmax())
