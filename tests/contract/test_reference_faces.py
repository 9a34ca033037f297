"""Names that code of the reference's users imports, by face; what is not here is in no face.

Where inspect_ai is installed, the table itself is compared with it.
"""

from __future__ import annotations

import importlib
import importlib.util

import pytest

FACES = {
    "": "Epochs Task eval eval_async eval_retry eval_set task task_with",
    "model": (
        "BatchConfig CachePolicy ChatCompletionChoice ChatMessage ChatMessageAssistant ChatMessageBase "
        "ChatMessageSystem ChatMessageTool ChatMessageUser Content ContentAudio ContentCitation "
        "ContentData ContentDocument ContentImage ContentReasoning ContentText ContentToolUse "
        "ContentVideo DocumentCitation ExecuteToolsResult GenerateConfig GenerateConfigArgs GenerateInput "
        "ImageOutput "
        "Logprob Logprobs Model ModelCall ModelConfig ModelCost ModelFallback ModelName ModelOutput "
        "ModelRefusalError ModelRequestId ModelRole ModelUsage OutputModality ResponseSchema "
        "ServedModelUsage StopCategory StopDetails StopReason StreamEvent StreamHandler "
        "StreamReasoningEvent StreamRetryEvent StreamTextEvent StreamToolCallEvent TopLogprob "
        "UrlCitation cache_clear cache_list_expired cache_path cache_prune cache_size "
        "compute_model_cost execute_tools get_model model_roles set_model_cost"
    ),
    "tool": (
        "Citation CitationBase Content ContentAudio ContentCitation ContentData ContentDocument "
        "ContentImage ContentReasoning ContentText ContentToolUse ContentVideo DocumentCitation Tool "
        "ToolCall ToolCallContent ToolCallError ToolChoice ToolDef ToolError ToolFunction ToolInfo "
        "ToolParam ToolParams ToolResult UrlCitation tool tool_with"
    ),
    "solver": (
        "Choice Choices Generate MultipleChoiceTemplate Solver TaskState assistant_message chain "
        "chain_of_thought generate multiple_choice prompt_template solver system_message use_tools "
        "user_message"
    ),
    "scorer": (
        "CORRECT INCORRECT Metric NOANSWER PARTIAL SampleScore Score ScoreReducer Scorer Target Value "
        "ValueToFloat accuracy answer at_least choice exact f1 includes match max_score mean "
        "mean_score median_score metric mode_score model_graded_fact model_graded_qa pass_at pattern "
        "score_reducer scorer std stderr value_to_float var"
    ),
    "dataset": "Dataset FieldSpec MemoryDataset RecordToSample Sample csv_dataset json_dataset",
    "log": (
        "EvalConfig EvalDataset EvalError EvalLog EvalLogInfo EvalMetric EvalPlan EvalPlanStep "
        "EvalResults EvalSample EvalSampleLimit EvalSampleReductions EvalSampleScore EvalScore EvalSpec "
        "EvalStats EvalStatus list_eval_logs list_eval_logs_async read_eval_log read_eval_log_async "
        "read_eval_log_sample read_eval_log_sample_async read_eval_log_samples write_eval_log "
        "write_eval_log_async"
    ),
    "util": (
        "AdaptiveConcurrency JSONSchema JSONType Store UnresolvedMediaError json_schema "
        "materialize_media store"
    ),
}
PAIRS = [(face, name) for face, names in FACES.items() for name in names.split()]


def face(package: str, name: str) -> object:
    return importlib.import_module(f"{package}.{name}" if name else package)


@pytest.mark.parametrize("where, name", PAIRS)
def test_a_face_has_the_name(where, name):
    module = face("modeld", where)
    assert hasattr(module, name)
    assert name in module.__all__


@pytest.mark.skipif(not importlib.util.find_spec("inspect_ai"), reason="inspect_ai is not here")
@pytest.mark.parametrize("where, name", PAIRS)
def test_the_reference_has_the_name_there(where, name):
    assert hasattr(face("inspect_ai", where), name)
