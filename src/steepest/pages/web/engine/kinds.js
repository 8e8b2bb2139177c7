// The layers that pages compute themselves, by the names that they have in Python.

import {
  ELU,
  GELU,
  Hardsigmoid,
  Hardswish,
  Hardtanh,
  LeakyReLU,
  Mish,
  ReLU,
  SELU,
  SiLU,
  Sigmoid,
  Softplus,
  Tanh,
} from "./layers/activations.js";
import { Average } from "./layers/average.js";
import {
  Concat,
  Dropout,
  Flatten,
  Identity,
  Parallel,
  Parametric,
  Residual,
  Sequential,
} from "./layers/combinators.js";
import { Dense } from "./layers/dense.js";
import { Embedding } from "./layers/embedding.js";
import { EmbeddingBag } from "./layers/embedding_bag.js";
import { Adapters, Heads, MemberMean } from "./layers/members.js";
import { LayerNorm, RMSNorm } from "./layers/norms.js";
import { Periodic } from "./layers/periodic.js";
import { PiecewiseLinear } from "./layers/piecewise_linear.js";
import { Affine, PReLU, RootScale, Scale, Standardise } from "./layers/scales.js";
import { LogSoftmax, Softmax } from "./layers/softmax.js";

/**
 * What a kernel is given: arrays, settings and sizes by name, as kernels of Python ask for them.
 * n rows, p inputs, q outputs; a layer that knows shapes has a row for each example, and their shape;
 * the others one for each row along the last axis. x (n, p), y (n, q), dx and dy alike; parameters by their names, and
 * their gradients with a d before them, to which a kernel adds.
 * @typedef {{[name: string]: any, n: number, p: number, q: number}} Call
 *
 * What is to be written of a kernel's mathematics, in the notation of `mathml.js`.
 * @typedef {{forward?: string[], backwardX?: string[], backwardTheta?: string[]}} Formulas
 *
 * A kind of layer. Settings are those of a record of Python's; `lower` stands for the three kernels
 * in layers that are made of others.
 * @typedef {object} Kind
 * @property {Record<string, any>} settings  what the fields are by default
 * @property {string} [name]  of a part of a layer
 * @property {boolean} [remote]  whether Python computes it
 * @property {(s: any, p: number) => number} [outputs]  of a layer along the last axis
 * @property {(s: any, shape: number[], shapeOf: import("./program.js").ShapeOf) => number[]} [outputShape]  of a layer that knows shapes
 * @property {(s: any, p: number, shape: number[]) => Record<string, number[]>} [parameters]  their shapes
 * @property {(s: any, p: number) => Record<string, Float64Array>} [state]  as it begins
 * @property {(s: any, p: number, shape: number[]) => Record<string, number>} [memory]  numbers a row, by name
 * @property {(s: any, shape: number[], shapeOf: import("./program.js").ShapeOf) => number[][]} [children]
 * @property {(random: import("./random.js").Random, theta: Record<string, Float64Array>, s: any) => void} [init]
 * @property {Formulas} [formulas]
 * @property {(x: number, s: any) => number} [slope]  σ′, of an activation
 * @property {(c: Call) => void} [forward]
 * @property {(c: Call) => void} [backwardX]
 * @property {(c: Call) => void} [backwardTheta]
 * @property {(low: import("./program.js").Lowering, s: any, x: import("./program.js").Buffer, path: string) => import("./program.js").Lowered} [lower]
 */

/** @type {Record<string, Kind>} */
export const KINDS = {
  Adapters,
  Affine,
  Average,
  Concat,
  Dense,
  Dropout,
  ELU,
  Embedding,
  EmbeddingBag,
  Flatten,
  GELU,
  Hardsigmoid,
  Hardswish,
  Hardtanh,
  Heads,
  Identity,
  LayerNorm,
  LeakyReLU,
  LogSoftmax,
  MemberMean,
  Mish,
  PReLU,
  Parallel,
  Parametric,
  Periodic,
  PiecewiseLinear,
  RMSNorm,
  ReLU,
  Residual,
  RootScale,
  SELU,
  Scale,
  Sequential,
  SiLU,
  Sigmoid,
  Softmax,
  Softplus,
  Standardise,
  Tanh,
};
