"""Pools: arm_avgpool_s8 and arm_max_pool_s8."""

from __future__ import annotations

from utvm.libraries.ready_made.cmsis_nn.calls import activation, call_kernel, core_refusal, dims, dims_of, struct, tile
from utvm.model.operator_types import Pool2D
from utvm.operators.kernel import CKernel
from utvm.schedules import Schedule, Site, Template

_TAP, _OUTPUT = 4.0, 30.0


class _Pool(Template):
    """A Pool2D of one kind."""

    kind: str
    function: str

    def refusal(self, site: Site) -> str:
        """Other operators and kinds."""
        if not isinstance(site.operator, Pool2D) or site.operator.kind != self.kind:
            return f"not a Pool2D of kind {self.kind}"
        return core_refusal(site.core)

    def estimated_cycles(self, site: Site, schedule: Schedule) -> float:
        """By taps and outputs."""
        del schedule
        assert isinstance(site.operator, Pool2D)
        height, width = site.operator.window
        return site.outputs[0].element_count * (_TAP * height * width + _OUTPUT)

    def kernel(self, site: Site, schedule: Schedule) -> CKernel:
        """One call; an average's scratch holds sums of all channels."""
        del schedule
        operator = site.operator
        assert isinstance(operator, Pool2D)
        params = {
            "stride": tile(operator.strides),
            "padding": tile((operator.padding.top, operator.padding.left)),
            "activation": activation(operator.clamp),
        }
        return call_kernel(
            site,
            self.function,
            {
                "params": ("cmsis_nn_pool_params", struct(params)),
                "input_dims": ("cmsis_nn_dims", dims_of(site.inputs[0])),
                "filter_dims": ("cmsis_nn_dims", dims(h=operator.window[0], w=operator.window[1])),
                "output_dims": ("cmsis_nn_dims", dims_of(site.outputs[0])),
            },
            ("&context", "&params", "&input_dims", "input", "&filter_dims", "&output_dims", "output"),
            scratch_bytes=4 * site.inputs[0].shape[3] if self.kind == "average" and site.core.dsp else 0,
        )


class AveragePool(_Pool):
    """Averages."""

    name, kind, function = "avgpool_s8", "average", "arm_avgpool_s8"


class MaxPool(_Pool):
    """Maxima."""

    name, kind, function = "max_pool_s8", "max", "arm_max_pool_s8"
