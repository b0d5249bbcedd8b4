package recipes

import (
	"embed"
	"io/fs"
	"path"
	"strings"
)

// configs holds the embedded recipes; each begins with how to run it.
//
//go:embed configs/*.yaml
var configs embed.FS

// EmbeddedRecipe is a ready recipe that comes with the binary.
type EmbeddedRecipe struct {
	Name        string // what --recipe takes in place of a file
	Description string // one English line
	Chinese     string // the same in Chinese
	YAML        []byte
}

// Embedded returns the recipes that come with the binary, the try-out first.
func Embedded() []EmbeddedRecipe {
	list := []EmbeddedRecipe{
		{Name: "cpu-tryout", Description: "SmolLM2-135M on the sample data, 2 CPU cores, under 10 minutes",
			Chinese: "在示例数据上微调 SmolLM2-135M，双核 CPU 十分钟内完成"},
		{Name: "chat", Description: "all weights of a small chat model, packed conversations, one 24 GB GPU",
			Chinese: "全参数微调小型对话模型，打包对话，单张 24 GB GPU"},
		{Name: "completion", Description: "prompt in, completion out: loss on the completion only",
			Chinese: "提示与补全成对的数据，只对补全计算损失"},
		{Name: "lora-small-gpu", Description: "a LoRA adapter for a 1.5B chat model in about 8 GB",
			Chinese: "约 8 GB 显存为 1.5B 对话模型训练 LoRA 适配器"},
		{Name: "long-reasoning", Description: "reasoning traces of up to 16,384 tokens, in open-r1's manner",
			Chinese: "最长 16,384 词元的推理轨迹，仿照 open-r1"},
	}
	for i := range list {
		// The names are those of the embedded files; a test checks each.
		list[i].YAML, _ = fs.ReadFile(configs, path.Join("configs", list[i].Name+".yaml"))
	}
	return list
}

// Open reads a recipe by the name of an embedded one or by the path of a file;
// a file of that name wins.
func Open(nameOrPath string) (*Recipe, error) {
	if !strings.ContainsAny(nameOrPath, `/\.`) {
		for _, e := range Embedded() {
			if e.Name == nameOrPath && !exists(nameOrPath) {
				return Parse(e.Name, e.YAML)
			}
		}
	}
	return Load(nameOrPath)
}
