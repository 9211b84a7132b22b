"""Losses that are right with void pixels: one module a loss, and its name is the loss's.

torch and segmentation-models-pytorch (smp) have these losses, but over a batch without a valid
pixel they return NaN or a non-scalar, and smp's focal and Lovasz losses accept ids that are no
class. Here the values equal theirs where theirs are right, and void pixels never count.

A module has ``of_logits(logits, target, pixels, weights)``: float32 logits (N, C, H, W), int64
classes with VOID (N, H, W), the valid pixels of each class (C,), and class weights (C,) or None, to
a float32 scalar; and what a model that is trained with it means by its logits:

- ``ONE_VS_REST``: each logit is the sigmoid of its class against the rest, and not a softmax.
- ``WEIGHTS_SHIFT_PROBABILITIES``: class weights weight pixels by their true class, so that they are
  in the model's probabilities.

`segexp.training.loss.make_loss` puts them together. No import here loads torch.
"""
