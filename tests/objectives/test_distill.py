"""Distillation by hand, against torch's own divergence, and its gradient against cross-entropy with soft targets."""

import math

import torch
from torch.nn import functional as F

from rung.objectives import distill, options


def test_by_hand():
    student, teacher = torch.tensor([[0.5, 0.5]]).log(), torch.tensor([[0.25, 0.75]]).log()
    wanted = 0.25 * math.log(0.25 / 0.5) + 0.75 * math.log(0.75 / 0.5)
    torch.testing.assert_close(distill(student, teacher), torch.tensor(wanted))
    torch.testing.assert_close(distill(teacher, teacher), torch.tensor(0.0))


def test_against_kl_div_whatever_the_constants():
    torch.manual_seed(0)
    student, teacher = torch.randn(5, 7), 3 * torch.randn(5, 7)
    wanted = F.kl_div(student.log_softmax(-1), teacher.log_softmax(-1), log_target=True, reduction="sum")
    torch.testing.assert_close(distill(student - 9, teacher + torch.randn(5, 1)), wanted)


def test_the_gradient_is_that_of_soft_targets():
    torch.manual_seed(0)
    student, teacher = torch.randn(4, 3, requires_grad=True), torch.randn(4, 3)
    (ours,) = torch.autograd.grad(distill(student, teacher), student)
    (plain,) = torch.autograd.grad(F.cross_entropy(student, teacher.softmax(-1), reduction="sum"), student)
    torch.testing.assert_close(ours, plain)


def test_a_teacher_that_is_sure_is_a_label():
    logprobs, sure = torch.randn(2, 3), torch.tensor([[0.0, -1e4, -1e4], [-1e4, -1e4, 0.0]])
    torch.testing.assert_close(distill(logprobs, sure), options(logprobs, torch.tensor([0, 2])))


def test_an_option_that_is_not_there_has_no_gradient():
    logprobs = torch.tensor([[-1.0, -2.0, -math.inf]], requires_grad=True)
    teacher = torch.tensor([[-0.5, -3.0, -math.inf]])
    loss = distill(logprobs, teacher)
    torch.testing.assert_close(loss, distill(logprobs[:, :2], teacher[:, :2]))
    (gradient,) = torch.autograd.grad(loss, logprobs)
    assert gradient[0, 2] == 0 and gradient.isfinite().all()
