"""``--help`` in Chinese: what stands under each English sentence of a command, and the words that typer puts around it.

The English stands beside the option that it is about, and is the key here. A test fails where one has no Chinese, and where
a sentence here is no longer said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import typer

from rung.language import own_language
from rung.types import Language

ZH = {
    # --- the commands
    "Find the cheapest way to make a language model do your task, and prove it.": "找出最省的办法，让语言模型完成你的任务，并拿出证据。",
    "Climb the ladder on a file of examples; leave the cheapest adaptation that is good enough, and a report.":
        "用一份样本文件攀登阶梯；留下够好的适配中最省的一个，以及一份报告。",
    "A file of examples: what is understood of it; more of them by a teacher.": "样本文件：看看读懂了什么；或让教师补充样本。",
    "Show what is understood of a file: kind, labels, splits, bad rows, near-duplicates, the gap dev can detect.":
        "显示从文件中读懂了什么：任务类型、标签、切分、不可用的行、近似重复、开发集能分辨的差距。",
    "A teacher writes or labels examples of a task, filtered; the same command goes on after a kill.":
        "由教师编写样本或标注文本，并加以过滤；中断后，同一条命令会接着做。",
    "Answer new inputs by an adaptation: one answer a line (line breaks in one of several as \\n), or with --json one object a line.":
        "用适配回答新的输入：一行一个回答（有多个回答时，其中的换行写作 \\n）；加 --json 则一行一个对象。",
    "Measure an adaptation on labelled examples, with its interval.": "在带标注的样本上测量适配，并给出区间。",
    "Let a model judge two rungs' answers where they differ; hold it against the metric and against people's ratings.":
        "两个方法的回答不同时，让模型评判哪个更好；再与指标和人的评分对照。",
    "Write RUN/report.html again, in either language, and say the answer in three sentences.":
        "重新写出 RUN/report.html（中文或英文），并用三句话说明结论。",
    "Write an adaptation in a form that other programs load, with the commands to serve it, and check that it answers alike.":
        "把适配导出为其他程序能加载的形式，附上提供服务的命令，并检查回答是否一致。",
    "Serve adaptations behind the OpenAI API, each as a model, all on one base; and the bare base.":
        "以 OpenAI 接口提供适配，每个适配是一个模型，共用一个基座；也提供基座本身。",
    "Open the pages: bring a file, climb and watch, look at every answer, try, compare, rate.":
        "打开网页界面：上传文件、看着它攀登、逐条查看回答、试用、比较、评分。",
    "Climb problems whose right rung is known: does it stop there, and do its claims hold on fresh examples?":
        "攀登已知答案的问题：是否停在该停的那一级？它的断言在新样本上是否成立？",
    "A base model from nothing: train it on texts, then teach it instructions.": "从零训练基座模型：先读文本，再学指令。",
    "Train a tokenizer and a small base model from plain text; goes on from its last checkpoint.":
        "用纯文本训练分词器和小型基座模型；中断后从最近的检查点继续。",
    "Clean texts to pre-train on; everything that goes is counted by reason, with samples.":
        "清洗预训练文本；删去的内容按原因计数，并附样例。",
    "Teach a base model instructions and learning from its context; goes on from its last checkpoint.":
        "教基座模型遵循指令、从上下文学习；中断后从最近的检查点继续。",
    "Mean of a model's weights and of those it came from: a start for another stage that keeps much of both.":
        "对模型的权重和它所由来的权重取平均：作为下一阶段的起点，兼有两者之长。",
    "Make a model again: every stage of its lineage.jsonl, in order; goes on from where it was stopped.":
        "重新训练出一个模型：依次执行 lineage.jsonl 的各个阶段；中断后接着做。",
    # --- what several commands have
    "zh or en; else RUNG_LANG's or the locale's": "zh 或 en；不写则按 RUNG_LANG 或系统语言",
    "machine-readable output on stdout": "在标准输出写出便于程序读取的 JSON",
    "sprout (embedded), a folder, a Hugging Face name, or openai:NAME with --base-url":
        "sprout（内置）、文件夹、Hugging Face 上的名称，或 openai:名称（配合 --base-url）",
    "float32 or bfloat16": "float32 或 bfloat16",
    "most prompts in one forward": "一次前向计算最多的提示数",
    "the column of the input; several: a,b": "输入所在的列；多列写作 a,b",
    "the column of the answer": "答案所在的列",
    "classify, extract or generate; else inferred": "classify、extract 或 generate；不写则自动判断",
    "accuracy, macro-f1, entity-f1, exact-match, chrf ...": "accuracy、macro-f1、entity-f1、exact-match、chrf 等",
    "in the metric's own unit, 0..1": "以指标自己的单位计，0 到 1",
    "a file with the training split": "训练集文件",
    "a file with the dev split": "开发集文件",
    "a file with the test split, which stays sealed": "测试集文件，保持封存",
    "shares of train/dev/test, such as 60/20/20": "训练/开发/测试的比例，如 60/20/20",
    "of the file, such as gb18030; else UTF-8": "文件的编码，如 gb18030；不写则为 UTF-8",
    "zh or en, for the templates; else the data's": "模板的语言，zh 或 en；不写则与数据一致",
    "the task in your words, for the instruction": "用你的话描述任务，会写进指令",
    "RUN/adaptations/NAME": "适配的文件夹：RUN/adaptations/名称",
    "the run folder of a climb": "一次攀登的运行文件夹",
    "labelled examples": "带标注的样本",
    "else the one it was made for": "基座模型；不写则用适配所属的那一个",
    "of everything random": "一切随机过程的种子",
    "of weights and order": "权重与顺序的随机种子",
    "of the exercises and their order": "练习及其顺序的随机种子",
    "0: any that is free": "端口；0 表示任选一个空闲的",
    # --- a model behind an endpoint
    "of --model openai:NAME, such as http://localhost:8000/v1": "--model openai:名称 的接口地址，如 http://localhost:8000/v1",
    "the environment variable of its key; else OPENAI_API_KEY": "存放密钥的环境变量；不写则为 OPENAI_API_KEY",
    "tokens that the model holds, where an endpoint does not say": "模型能容纳的词元数（接口没有说明时）",
    "requests to an endpoint under way at once; else 8": "同时发往接口的请求数；不写则为 8",
    "seconds of one attempt at an endpoint; else 60": "每次尝试的秒数；不写则为 60",
    "attempts at one call to an endpoint; else 8": "每次调用最多尝试几次；不写则为 8",
    "seconds before the second attempt, doubled each time; else 0.5": "第二次尝试前等待的秒数，之后逐次加倍；不写则为 0.5",
    "YAML of prices per million tokens, in place of the package's": "每百万词元价格的 YAML 文件，代替自带的价格表",
    # --- climb
    "CSV, TSV, JSONL, JSON, Parquet, XLSX, task.yaml or a folder of splits":
        "CSV、TSV、JSONL、JSON、Parquet、XLSX、task.yaml，或含各切分文件的文件夹",
    "stop at the first rung proven to reach it, 0..1": "爬到第一个经证实达到此目标的方法就停下，0 到 1",
    "only these, such as zero-shot,few-shot,lora": "只试这些方法，如 zero-shot,few-shot,lora",
    "the rungs by situation: sft+qlora, sft+lora or cpt+sft": "按情形选方法：sft+qlora、sft+lora 或 cpt+sft",
    "JSONL (field text) or a folder of it: weights are trained on it before the task":
        "JSONL 文件（含 text 字段）或其所在文件夹：先用它训练权重，再学任务",
    "climb every rung, also after the target is met": "达到目标后也继续试完所有方法",
    "the trained rungs train by turns, and after every round the best third goes on":
        "训练类方法轮流训练，每轮之后最好的三分之一继续",
    "of everything random; the split's is task.yaml's unless given here": "一切随机过程的种子；切分的种子以 task.yaml 为准，除非在此给出",
    "10m, 90s, 2h, 500ktokens, or $3 with --price": "预算：10m、90s、2h、500ktokens，或 $3（配合 --price）",
    "money per million tokens, for a budget in money": "每百万词元的价格，用于按金额限制预算",
    "requests that 'cheapest' counts on": "计算“最省”时所设的请求次数",
    "JSONL (field text) or a folder of it, to measure forgetting on; else the package's":
        "JSONL 文件（含 text 字段）或其所在文件夹，用来测量遗忘；不写则用自带的文本",
    "nats per token of general text; a rung that forgets more cannot be chosen":
        "通用文本上每词元的 nats；遗忘超过此数的方法不能选用",
    "share of --general-text in the tokens of training, against forgetting": "训练词元中混入 --general-text 的比例，以防遗忘",
    "the run folder; else runs/NAME-xxxxxxxx, found again by the same command":
        "运行文件夹；不写则为 runs/名称-xxxxxxxx，同一条命令会再次找到它",
    "training computes blocks again in the backward pass: less memory, more time":
        "训练时在反向传播中重算各层：省内存，多花时间",
    # --- data
    "what `rung climb` would read": "`rung climb` 能读的文件",
    "also count lengths in this model's tokens": "同时按此模型的词元计算长度",
    "of the split": "切分的随机种子",
    "a folder: data.jsonl, report.json, and attempts.jsonl to go on from":
        "输出文件夹：data.jsonl、report.json，以及供继续用的 attempts.jsonl",
    "who answers: RUN/adaptations/NAME, or a model": "由谁作答：RUN/adaptations/名称，或一个模型",
    "the model that invents inputs; else the teacher's own": "编写输入的模型；不写则用教师自己的",
    "examples that are there: any file that `rung climb` reads": "已有的样本：`rung climb` 能读的任何文件",
    'a seed typed: "INPUT => ANSWER"; may be repeated': "直接写一条种子：“输入 => 答案”；可重复",
    "a file of texts to answer, instead of inventing them": "待作答的文本文件，不再编写输入",
    "turn --seeds into instructions; no teacher": "把 --seeds 转换成指令数据；不需要教师",
    "who the model is: You are ...": "模型的角色：“你是 ...”",
    "all labels: a,b": "全部标签：a,b",
    "examples wanted; not typed: 100, or all of --inputs": "需要的样本数；不写则为 100，或 --inputs 的全部",
    "most inputs to invent; else 20 for each one wanted": "最多编写多少条输入；不写则为所需数量的 20 倍",
    "of inventing, and of repeated answers": "编写输入和重复作答时的温度",
    "answers to each input, where labels have no scores": "每条输入作答几次（标签没有得分时）",
    "least agreement of an answer": "回答的一致度下限",
    "evaluation sets that must not be in the rows; may be repeated": "不得混入样本的评测集；可重复",
    "reasons for which nothing goes: length,near-duplicate ...": "不因这些原因删除：length,near-duplicate 等",
    # --- predict
    "inputs; none: one a line from standard input": "输入；不写则从标准输入读取，一行一个",
    "a file of inputs instead": "改为从文件读取输入",
    # --- judge
    "a rung that was measured": "一个测过的方法",
    "another one": "另一个方法",
    "the model that judges; else sprout, or the one that --judge was made for": "担任评审的模型；不写则为 sprout，或 --judge 所属的模型",
    "an adaptation that judges: it classifies into 1 and 2": "担任评审的适配：分类任务，标签为 1 和 2",
    "dev, or test once its seal is open": "dev，或启封之后的 test",
    "most pairs; those that people have rated come first": "最多评多少对；人评过的排在前面",
    "also write the decided pairs as preference data, JSONL": "把分出高下的对另存为偏好数据（JSONL）",
    # --- export
    "peft, vllm, merged or prompt": "peft、vllm、merged 或 prompt",
    "the folder; else RUN/exports/NAME-TO": "输出文件夹；不写则为 RUN/exports/名称-形式",
    "labelled examples to check it on; else those that the run keeps": "用来检查的带标注样本；不写则用运行中保存的样本",
    "write it unchecked": "导出后不检查",
    "copy a base model along that has no name on the hub": "基座模型在 hub 上没有名称时，一并复制",
    # --- serve
    "RUN/adaptations/NAME, or ANOTHER_NAME=RUN/adaptations/NAME": "RUN/adaptations/名称，或 别名=RUN/adaptations/名称",
    "the base; else the one they were made for, or sprout": "基座；不写则用适配所属的那一个，或 sprout",
    "an address of another machine's network needs a key": "监听的地址；若其他机器能访问，必须设置密钥",
    "who has one of them may ask; also RUNG_API_KEYS=a,b": "持有其中之一即可请求；也可用 RUNG_API_KEYS=a,b",
    "to add and remove adaptations; else from this machine": "增删适配所需的密钥；不写则只允许本机操作",
    "requests a minute for each key, or address": "每个密钥（或地址）每分钟的请求数",
    "the most that an answer may be asked to have": "一次回答最多可要求的词元数",
    "bytes of a request": "一个请求的字节上限",
    "requests that are not answered yet; more are refused": "尚未答完的请求数上限，超出则拒绝",
    "of memory, for all answers that are being written": "所有正在生成的回答共用的内存，以词元计",
    "seconds to answer what is open when it is told to end": "收到结束信号后，答完现有请求的秒数",
    # --- ui
    "the folder with the run folders": "存放各次运行的文件夹",
    "a base model that may be chosen, first the usual one; may be repeated": "页面上可选的基座模型，第一个为默认；可重复",
    "the address to listen on; another than this machine's own demands a token": "监听的地址；不是本机地址时必须有令牌",
    "what a browser must know; else one is made where one is needed": "浏览器须知道的令牌；不写则在需要时自动生成",
    "most MiB that may be brought at once": "一次最多上传多少 MiB",
    "zh or en, the pages' too; else RUNG_LANG's or the locale's, and the pages by the browser":
        "zh 或 en，页面也用它；不写则按 RUNG_LANG 或系统语言，页面按浏览器的语言",
    # --- selftest
    "where the small model and the climbs go": "存放小模型和各次攀登的文件夹",
    "problems of each kind": "每类问题的个数",
    "what every climb has to reach": "每次攀登须达到的目标",
    # --- pretrain
    "a folder of folders, each with train.jsonl and valid.jsonl (field text)":
        "文件夹，其中每个子文件夹含 train.jsonl 和 valid.jsonl（text 字段）",
    "where the tokenizer, checkpoints and the model go": "存放分词器、检查点和模型的文件夹",
    "parameters: any size from 0.5M to 20B, such as 7M or 350M": "参数量：0.5M 到 20B 之间任意大小，如 7M 或 350M",
    "tokens to see, repeats counted": "要读的词元数，重复也算",
    "longest prompt in tokens": "最长提示的词元数",
    "tokens of the tokenizer": "词表大小",
    "cosine, or wsd: constant, then down over the last fifth": "cosine，或 wsd：学习率先保持不变，最后五分之一下降",
    "attention ends where a document does": "注意力止于文档边界",
    "auto, float32 or bfloat16": "auto、float32 或 bfloat16",
    "torch.compile: worth it from some minutes on": "torch.compile：训练几分钟以上才值得",
    "with torchrun: each process holds a part of the model (FSDP2)": "配合 torchrun：每个进程持有模型的一部分（FSDP2）",
    "a folder of folders with train.jsonl (field text), or .jsonl and .txt files":
        "文件夹，其中各子文件夹含 train.jsonl（text 字段），或直接是 .jsonl、.txt 文件",
    "where the cleaned texts go, in the same layout, with report.html": "存放清洗结果的文件夹，结构与原来相同，并附 report.html",
    "evaluation sets that must not be in the texts; may be repeated": "不得混入文本的评测集；可重复",
    "documents of these stay: zh,en,fr ...": "保留这些语言的文档：zh,en,fr 等",
    "reasons for which nothing goes: spam,near-duplicate ...": "不因这些原因删除：spam,near-duplicate 等",
    "documents of each reason to look at in removed.jsonl": "removed.jsonl 中每种原因保留多少篇供查看",
    "a folder of labelled sets; those that may be passed on are read": "存放标注集的文件夹；只读取允许再分发的",
    "where checkpoints, the model and curve.html go": "存放检查点、模型和 curve.html 的文件夹",
    "only these families of exercises: a,b, or with shares of the lessons: a=3,b=1":
        "只用这些类别的练习：a,b；也可写明比例：a=3,b=1",
    "tokens to see, plain text included": "要读的词元数，含纯文本",
    "tokens per step": "每步的词元数",
    "share of plain text in a step's tokens": "每步词元中纯文本的比例",
    "share of rows in which pieces of text come again": "含有重复片段的行的比例",
    "peak learning rate; more unlearns text where little of it is mixed in": "峰值学习率；纯文本混得少时，过大会忘掉文本",
    "cosine, wsd, or constant where another stage follows": "cosine、wsd，或 constant（后面还有阶段时）",
    "a model that was trained on from the other": "由另一个模型继续训练而来的模型",
    "the one that it came from": "它所由来的模型",
    "where the mean of their weights goes": "存放平均权重的文件夹",
    "of the later one": "较晚的模型所占的比例",
    "a folder with lineage.jsonl, such as src/rung/sprout": "含 lineage.jsonl 的文件夹，如 src/rung/sprout",
    "where the stages go": "存放各阶段的文件夹",
    "parameters of the first stage": "第一阶段的参数量",
    "attention of the first stage ends where a document does; sprout's did not":
        "第一阶段的注意力止于文档边界；sprout 当时不是这样",
}  # fmt: skip
SHOWN = "显示这段说明"  # of --help itself
AROUND = {  # typer's own words
    "ARGUMENTS_PANEL_TITLE": "参数", "OPTIONS_PANEL_TITLE": "选项", "COMMANDS_PANEL_TITLE": "命令",
    "DEFAULT_STRING": "（默认：{}）", "REQUIRED_LONG_STRING": "（必填）", "ENVVAR_STRING": "（环境变量：{}）",
}  # fmt: skip


def asked_language(words: Sequence[str]) -> Language:
    """The language that a command line asks for by ``--lang``, wherever it stands; else RUNG_LANG's or the locale's."""
    said = [word.removeprefix("--lang=") for word in words if word.startswith("--lang=")]
    said += [words[at + 1] for at, word in enumerate(words[:-1]) if word == "--lang"]
    return "zh" if "zh" in said else "en" if "en" in said else own_language()


@contextmanager
def spoken(command: Any, language: Language) -> Iterator[None]:
    """Meanwhile ``--help`` of a command, and of those in it, is in that language."""
    if language == "en":
        yield
        return
    from typer import rich_utils  # which takes its time, and English needs it only where help is asked for

    translate(command)
    ours = {**AROUND, "_make_rich_text": foldable(rich_utils._make_rich_text)}
    before = {name: getattr(rich_utils, name) for name in ours}
    vars(rich_utils).update(ours)
    try:
        yield
    finally:
        vars(rich_utils).update(before)


def foldable(make: Callable[..., Any]) -> Callable[..., Any]:
    """Texts that may be broken anywhere: Chinese has no blanks, and what stands in a narrow column would be cut off."""

    def made(**given: Any) -> Any:
        text = make(**given)
        text.overflow = "fold"
        return text

    return made


def translate(command: Any) -> None:
    """Put Chinese in place of the English of a command, and of those in it."""
    command.help, command.options_metavar = ZH[command.help], "[选项]"
    for param in (*command.params, command.get_help_option(typer.Context(command))):
        param.help = SHOWN if param.name == "help" else ZH[param.help]
    command.format_usage = lambda context, formatter: formatter.write_usage(
        context.command_path, " ".join(command.collect_usage_pieces(context)), "用法："
    )
    if hasattr(command, "commands"):
        command.subcommand_metavar = "命令 [参数]..."
        for part in command.commands.values():
            translate(part)
