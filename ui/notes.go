package ui

import (
	"regexp"
	"strings"
)

// What the preparation says of a row comes from package dataset, in English. A
// sentence with values in it is matched against the pattern of each
// translation.

// noteText is what the preparation did, in the chosen language; "" for what
// the page says already.
func (a *app) noteText(note string) string {
	if onlyTokens.MatchString(note) { // the title has their number
		return ""
	}
	if a.lang == english {
		return note
	}
	parts := strings.Split(note, "; ")
	for i, part := range parts {
		parts[i] = translatedNote(part)
	}
	return strings.Join(parts, "；")
}

var onlyTokens = regexp.MustCompile(`^\d+ tokens$`)

// translatedNote is one sentence in Chinese, or as it was.
func translatedNote(note string) string {
	for _, n := range chineseNotes {
		if n.english.MatchString(note) {
			return n.english.ReplaceAllString(note, n.chinese)
		}
	}
	return note
}

// shapeText is the name of a shape, with its rating, in the chosen language.
func (a *app) shapeText(shape string) string {
	if a.lang == english {
		return shape
	}
	for english, chinese := range chineseShapes {
		if name, ok := strings.CutSuffix(shape, english); ok && (name == "" || strings.HasSuffix(name, " ")) {
			return name + chinese
		}
	}
	return shape
}

// noteTranslation is a sentence of the preparation with places for its values.
type noteTranslation struct {
	english *regexp.Regexp
	chinese string // $1, $2 … are the values
}

// chineseShapes are the names of the shapes.
var chineseShapes = map[string]string{
	"language modelling (messages)": "语言建模（messages）", "language modelling (text)": "语言建模（text）",
	"language modelling (formatting template)": "语言建模（格式模板）", "prompt + completion": "提示 + 回答",
	"pretokenized": "已分词", "unpaired preference": "非成对偏好", "prompt only": "只有提示", "preference": "偏好",
	"preference with implicit prompt": "偏好（提示在其中）", "unknown": "未知",
}

// chineseNotes are tried in order.
var chineseNotes = notes(
	`as the data has it`, "数据原样",
	`the formatting template made the column text`, "格式模板生成了 text 列",
	`the keys from and value became role and content`, "键 from 和 value 变成了 role 和 content",
	`the column (\w+) is read as messages`, "$1 列作为 messages 读取",
	`the end-of-sequence token (\S+) was appended`, "追加了结束词元 $1",
	`nothing to do: the text ends with (\S+)`, "无需处理：文本已以 $1 结尾",
	`nothing to do`, "无需处理",
	`the text that is tokenized`, "将被分词的文本",
	`the chat template wrote the messages as text`, "对话模板把消息写成文本",
	`the prompt alone has (\d+), of which the last (\d+) are not the same here, so the completion begins after (\d+)`, "单独的提示有 $1 个词元，其中最后 $2 个在此不同，因此回答从第 $3 个之后开始",
	`(\d+) tokens`, "$1 个词元",
	`the completion begins after (\d+)`, "回答从第 $1 个之后开始",
	`(\d+) of (\d+) tokens carry loss, by the row's own labels`, "$2 个词元中 $1 个计算损失，依行内的 labels",
	`(\d+) of (\d+) tokens carry loss, by (.+)`, "$2 个词元中 $1 个计算损失，依 $3",
	`(\d+) of (\d+) tokens carry loss`, "$2 个词元中 $1 个计算损失",
	`dropped: (.+)`, "已丢弃：$1",
	`long_rows=split makes (\d+) rows of at most (\d+) tokens`, "long_rows=split 分成 $1 行，每行最多 $2 个词元",
	`packing decides, with max_length=(\d+)`, "由打包决定，max_length=$1",
	`no limit`, "没有限制",
	`fits into max_length=(\d+)`, "未超过 max_length=$1",
	`max_length=(\d+) cut the first (\d+) tokens`, "max_length=$1 截去开头 $2 个词元",
	`max_length=(\d+) cut the last (\d+) tokens`, "max_length=$1 截去末尾 $2 个词元",
	`the column (\w+) is a list of messages with role and content`, "$1 列是带 role 和 content 的消息列表",
	`the column (\w+) is a list of messages`, "$1 列是消息列表",
	`the column (\w+) is a string`, "$1 列是字符串",
	`a formatting template makes the text of every row`, "每行的文本由格式模板生成",
	`the columns prompt and completion are strings`, "prompt 和 completion 列是字符串",
	`the columns prompt and completion are lists of messages`, "prompt 和 completion 列是消息列表",
	`there is a column input_ids`, "有 input_ids 列",
	`columns were mapped by hand`, "列由人工指定",
	`best: the chat template writes every turn as the model expects it`, "最佳：对话模板按模型期望的样子写出每一轮",
	`best: loss falls on the completion alone unless you ask otherwise`, "最佳：除非另有要求，只有回答计算损失",
	`good: but mind special tokens, none but the end of sequence are added for you`, "良好：但请留意特殊词元，除结束词元外不会自动添加",
	`good: what is trained on is exactly the text that the template makes`, "良好：训练的正是模板生成的文本",
	`with care: ids are taken as they are, so they must come from this model's own tokenizer`, "须留意：编号原样使用，必须来自此模型自己的分词器",
	`with care: rows labelled bad are trained on like good ones`, "须留意：标为差的行与好的行一样训练",
	`not usable for supervised fine-tuning as it is`, "不能直接用于监督微调",
	`the labels are taken as they are`, "labels 原样使用",
	`mask columns have no effect`, "掩码列不起作用",
)

// notes makes the table of English patterns and their translations.
func notes(pairs ...string) []noteTranslation {
	var out []noteTranslation
	for i := 0; i+1 < len(pairs); i += 2 {
		out = append(out, noteTranslation{regexp.MustCompile("^" + pairs[i] + "$"), pairs[i+1]})
	}
	return out
}
