"""Views and copies."""

import torch

from tests.models.native.trials import Trial, trial

_ROW = torch.linspace(-2.0, 3.0, 12, dtype=torch.float64)

CASES: dict[str, Trial] = {
    "reshape": trial(lambda z: z.view(3, 4).exp().reshape(2, 6)),
    "reshape of a transpose": trial(lambda z: z.view(3, 4).T.reshape(12)),
    "reshape of an expansion": trial(lambda z: z[:3, None].expand(3, 4).reshape(12)),
    "reshape of a number": trial(lambda z: z[5].reshape(1, 1)),
    "reshape of a flip": trial(lambda z: z.flip(0).reshape(3, 4)),
    "reshape of nothing": trial(lambda z: z[:0].reshape(0, 3).sum() + z),
    "ones": trial(lambda z: z.view(3, 4)[:, None, :, None].squeeze(1).squeeze(-1)),
    "some ones": trial(lambda z: z.view(1, 3, 1, 4).squeeze((0, 2))),
    "all ones squeezed": trial(lambda z: z.view(1, 3, 1, 4).squeeze()),
    "expand": trial(lambda z: z[:3, None].expand(-1, 4) * z.view(3, 4)),
    "expand to the left": trial(lambda z: z.expand(2, 12)),
    "expand a number": trial(lambda z: z[2].expand(2, 3)),
    "expand to nothing": trial(lambda z: z[:1].expand(0).sum() + z[0]),
    "repeat": trial(lambda z: z.view(3, 4).repeat(2, 1, 3)),
    "repeat interleaved": trial(lambda z: z[:4].repeat_interleave(3)),
    "tile": trial(lambda z: z[:5].tile(2, 2)),
    "permute": trial(lambda z: z.view(2, 3, 2).permute(-1, 0, 1)),
    "transpose": trial(lambda z: z.view(2, 3, 2).transpose(0, -1)),
    "t of a vector": trial(lambda z: z.t()),
    "t of a matrix": trial(lambda z: z.view(3, 4).t().exp()),
    "select": trial(lambda z: z.view(3, 4).select(-1, -2)),
    "slice": trial(lambda z: z.view(3, 4)[:, 1:-1] * z[10:]),
    "slice by steps": trial(lambda z: z[1::3]),
    "slice beyond": trial(lambda z: z[4:1000]),
    "slice of nothing": trial(lambda z: z[7:3].sum() + z[0]),
    "split": trial(lambda z: z.split([2, 3, 7])[1] * z.split([2, 3, 7])[0].sum()),
    "split evenly": trial(lambda z: z.split(5)[2] + z.split(5)[0][:2]),
    "split along": trial(lambda z: z.view(3, 4).split([1, 3], dim=-1)[1]),
    "unbind": trial(lambda z: z.view(3, 4).unbind(-1)[2] * z.view(3, 4).unbind(0)[1][0]),
    "diagonal": trial(lambda z: z.view(3, 4).diagonal()),
    "diagonal above": trial(lambda z: z.view(3, 4).diagonal(2)),
    "diagonal below": trial(lambda z: z.view(3, 4).diagonal(-1)),
    "diagonal of a batch": trial(lambda z: z.view(2, 3, 2).diagonal(1, dim1=-2, dim2=0)),
    "flip": trial(lambda z: z.view(3, 4).flip(0, -1)),
    "flip twice": trial(lambda z: z.flip(0).flip(0)),
    "flip of a slice": trial(lambda z: z[1::2].flip(0) * z[:6]),
    "clone": trial(lambda z: z.view(3, 4).T.clone(memory_format=torch.contiguous_format).view(12)),
    "to doubles and back": trial(lambda z: (z.double() + 1e-3).to(z.dtype)),
    "data in strides": trial(lambda z, x: z.view(4, 3) * x.view(3, 4).T, _ROW),
    "data expanded": trial(lambda z, x: z.view(3, 4) * x[:3, None].expand(3, 4), _ROW),
    "data turned": trial(lambda z, x: z * x.flip(0)[::1], _ROW),
    "data by steps": trial(lambda z, x: z[:4] + x[2::3], _ROW),
    "data of one number": trial(lambda z: z * torch.full((12,), 0.1, dtype=z.dtype)),
    "zeros of both signs": trial(lambda z: z / torch.tensor([0.0, -0.0]).to(z.dtype).repeat(6)),
}
