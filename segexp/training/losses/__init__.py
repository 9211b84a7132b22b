"""Losses that handle void pixels correctly: one module per loss, named after it.

torch and segmentation-models-pytorch (smp) have these losses, but over a batch without a valid
pixel they return NaN or a non-scalar, and smp's focal and Lovasz losses accept ids that are not
classes. Here the values equal theirs where theirs are right, and void pixels never count.

A module has ``of_logits(logits, target, pixels, weights)``: from float32 logits (N, C, H, W), int64
classes with VOID (N, H, W), the valid pixels of each class (C,), and class weights (C,) or None, to
a float32 scalar. A loss may ignore the weights. One with cross-entropy in it has a fifth argument,
``smoothing``: how much of the truth is spread over all classes. It also says what the logits of a
model trained with it mean, which `segexp.training.reading` turns into probabilities:

- ``ONE_VS_REST``: each logit is a sigmoid of its class against the rest, not part of a softmax.
- ``WEIGHTS_SHIFT_PROBABILITIES``: class weights weight pixels by their true class, so the model's
  probabilities contain them.

Where a batch is in parts, accumulated or on several devices, a loss is computed of each part, and
the parts are averaged by their valid pixels. A mean over pixels is that of the whole batch then; a
loss that looks at a whole batch is another one, and its module says what.

A fitted temperature takes back a power of the probabilities, so neither has to say it.

`segexp.training.loss.make_loss` makes a loss of a module. Importing this package loads no torch.
"""
