package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"sftui/dataset"
	"sftui/dataset/jinja"
	"sftui/engine"
	"sftui/engine/compute"
	"sftui/engine/run"
)

// adapterConfigFile marks a folder that holds a PEFT adapter.
const adapterConfigFile = "adapter_config.json"

// openChat opens what the command line names.
func openChat(ctx context.Context, a arguments, s streams) (*chatter, error) {
	folder, err := chatFolder(a)
	if err != nil {
		return nil, err
	}
	h := host(s.err)
	config, err := chatConfig(ctx, h, folder)
	if err != nil {
		return nil, err
	}
	config.DType, config.Inference = a.values["dtype"], true
	c := &chatter{name: folder}
	if c.tok, err = openChatTokenizer(folder, config.ModelDir); err != nil {
		return nil, err
	}
	if err = c.readTemplate(); err == nil {
		c.stop, err = c.stopIDs(folder, config.ModelDir)
	}
	var opened *engine.Opened
	if err == nil {
		opened, err = h.OpenModel(ctx, chatDevice(a), config)
	}
	if err != nil {
		return nil, errors.Join(err, c.tok.Close())
	}
	if opened.Warning != "" {
		fmt.Fprintln(s.err, opened.Warning)
	}
	c.model, c.device, c.closeModel = opened.Trainer, opened.Name, opened.Close
	return c, nil
}

func chatDevice(a arguments) string {
	if device := a.values["device"]; device != "" {
		return device
	}
	return "auto"
}

// chatFolder is the model's name, or the folder of a run's weights.
func chatFolder(a arguments) (string, error) {
	model, name, step := a.values["model"], a.values["run"], a.values["step"]
	switch {
	case model == "" && name == "":
		return "", errors.New("give --model DIR, or --run RUN to talk to a run's checkpoint")
	case model != "" && name != "":
		return "", errors.New("--model and --run exclude each other: give one")
	case model != "" && step != "":
		return "", errors.New("--step chooses a checkpoint of a run: give --run RUN with it")
	case model != "":
		return model, nil
	}
	r, err := chatRun(name)
	if err != nil {
		return "", err
	}
	list, err := r.Checkpoints()
	if err != nil {
		return "", err
	}
	if step != "" {
		return checkpointOf(r, list, step)
	}
	// TRL's trainer saves its final model in the run's folder itself.
	for _, dir := range []string{r.Path(run.ModelDir), r.Dir} {
		if isModelFolder(dir) {
			return dir, nil
		}
	}
	if len(list) == 0 {
		return "", fmt.Errorf("%s has neither a final model nor a checkpoint yet", r.Dir)
	}
	return list[len(list)-1].Path, nil
}

// chatRun finds a run by its folder, which may be one of TRL's, or by its name.
func chatRun(name string) (*run.Run, error) {
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		dir, err := filepath.Abs(name)
		return &run.Run{Dir: dir}, err
	}
	return findRun(name)
}

func checkpointOf(r *run.Run, list []run.Checkpoint, step string) (string, error) {
	n, err := strconv.Atoi(step)
	if err != nil || n < 0 {
		return "", fmt.Errorf("--step must be the step of a checkpoint, found %q", step)
	}
	var steps []string
	for _, c := range list {
		if c.Step == n {
			return c.Path, nil
		}
		steps = append(steps, strconv.Itoa(c.Step))
	}
	if len(steps) == 0 {
		return "", fmt.Errorf("%s has no checkpoint", r.Dir)
	}
	return "", fmt.Errorf("%s has no checkpoint of step %d; there are those of steps %s", r.Dir, n, strings.Join(steps, ", "))
}

func isModelFolder(dir string) bool {
	return fileExists(filepath.Join(dir, "config.json")) || fileExists(filepath.Join(dir, adapterConfigFile))
}

func fileExists(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir()
}

// adapterConfig is the part of PEFT's adapter_config.json that inference needs.
type adapterConfig struct {
	Type          string         `json:"peft_type"`
	Base          string         `json:"base_model_name_or_path"`
	Revision      string         `json:"revision"`
	R             int            `json:"r"`
	Alpha         float64        `json:"lora_alpha"`
	RSLoRA        bool           `json:"use_rslora"`
	DoRA          bool           `json:"use_dora"`
	Bias          string         `json:"bias"`
	TargetModules any            `json:"target_modules"`
	ModulesToSave []string       `json:"modules_to_save"`
	RankPattern   map[string]any `json:"rank_pattern"`
	AlphaPattern  map[string]any `json:"alpha_pattern"`
	Replication   []any          `json:"layer_replication"`
	Init          any            `json:"init_lora_weights"` // a truth value or a name
}

// chatConfig says which weights to open: a model, or a base model with the
// adapter in folder.
func chatConfig(ctx context.Context, h engine.Host, folder string) (compute.Config, error) {
	path := filepath.Join(folder, adapterConfigFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		dir, err := h.ResolveModel(ctx, folder, "")
		return compute.Config{ModelDir: dir}, err
	}
	if err != nil {
		return compute.Config{}, fmt.Errorf("read the adapter: %w", err)
	}
	var adapter adapterConfig
	if err := json.Unmarshal(data, &adapter); err != nil {
		return compute.Config{}, fmt.Errorf("%s cannot be read: %w", path, err)
	}
	lora, err := adapter.lora(folder)
	if err != nil {
		return compute.Config{}, fmt.Errorf("%s: %w", path, err)
	}
	dir, err := h.ResolveModel(ctx, adapter.Base, adapter.Revision)
	if err != nil {
		return compute.Config{}, fmt.Errorf("the adapter's base model: %w", err)
	}
	if dir, err = engine.AdapterBase(dir, folder); err != nil {
		return compute.Config{}, fmt.Errorf("the adapter's base model: %w", err)
	}
	return compute.Config{ModelDir: dir, LoRA: lora}, nil
}

// lora is the adapter as the tensor engine takes it.
func (a *adapterConfig) lora(folder string) (*compute.LoRAConfig, error) {
	const merge = "merge the adapter into its base model first and take that folder"
	switch {
	case a.Type != "LORA":
		return nil, fmt.Errorf("peft_type %q is not supported, only LORA: %s", a.Type, merge)
	case a.unsupported() != "":
		return nil, fmt.Errorf("%s is not supported: %s", a.unsupported(), merge)
	case a.Base == "":
		return nil, errors.New("base_model_name_or_path is missing, so the base model is not known")
	}
	c := &compute.LoRAConfig{R: a.R, Alpha: a.Alpha, ModulesToSave: a.ModulesToSave, UseRSLoRA: a.RSLoRA, InitFrom: folder}
	switch targets := a.TargetModules.(type) {
	case nil:
	case string:
		c.TargetModules = []string{targets}
	case []any:
		for _, t := range targets {
			name, ok := t.(string)
			if !ok {
				return nil, fmt.Errorf("target_modules has %v, which is not a module's name", t)
			}
			c.TargetModules = append(c.TargetModules, name)
		}
	}
	return c, nil
}

// unsupported names the first key that makes an adapter more than LoRA's pairs, with its value; empty where none does.
func (a *adapterConfig) unsupported() string {
	how, _ := a.Init.(string)
	switch how = strings.ToLower(how); {
	case a.DoRA:
		return "use_dora true"
	case len(a.RankPattern) > 0:
		return "rank_pattern"
	case len(a.AlphaPattern) > 0:
		return "alpha_pattern"
	case len(a.Replication) > 0:
		return "layer_replication"
	case a.Bias != "" && a.Bias != "none":
		return fmt.Sprintf("bias %q", a.Bias)
	}
	// PEFT takes these apart from the base model's weights again when it loads the adapter.
	for _, name := range []string{"pissa", "olora", "corda", "loftq", "lora_ga"} {
		if strings.HasPrefix(how, name) {
			return fmt.Sprintf("init_lora_weights %q, which changes the base model's weights,", how)
		}
	}
	return ""
}

// openChatTokenizer opens the folder's own tokenizer, or its base model's.
func openChatTokenizer(folder, base string) (*dataset.Tokenizer, error) {
	if fileExists(filepath.Join(folder, "tokenizer.json")) {
		return dataset.OpenTokenizer(folder)
	}
	return dataset.OpenTokenizer(base)
}

// readTemplate parses the model's chat templates, where it has any.
func (c *chatter) readTemplate() error {
	c.specials = jinja.NewDict(8)
	specials := c.tok.SpecialTokens()
	for _, role := range []string{"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"} {
		if token, ok := specials[role]; ok {
			c.specials.Set(role, token)
		}
	}
	var err error
	if source := c.tok.ChatTemplate(); source != "" {
		if c.template, err = jinja.Parse("chat template", source); err != nil {
			return fmt.Errorf("the model's chat template does not parse: %w", err)
		}
	}
	if source := c.tok.NamedChatTemplates()["tool_use"]; source != "" {
		if c.toolTemplate, err = jinja.Parse("chat template tool_use", source); err != nil {
			return fmt.Errorf("the model's chat template tool_use does not parse: %w", err)
		}
	}
	return nil
}

// stopIDs are the tokens that end a reply: those of generation_config.json (or
// config.json), the tokenizer's eos, and the one with which the chat template
// ends an assistant's turn, which fine-tuned models answer with even where
// their configuration does not name it.
func (c *chatter) stopIDs(folders ...string) ([]int32, error) {
	var stop []int32
	for _, folder := range folders {
		for _, name := range []string{"generation_config.json", "config.json"} {
			ids, err := configEOS(filepath.Join(folder, name))
			if err != nil {
				return nil, err
			}
			stop = append(stop, ids...)
		}
	}
	if _, id := c.tok.EOS(); id >= 0 {
		stop = append(stop, id)
	}
	if id, ok := c.turnEnd(); ok {
		stop = append(stop, id)
	}
	slices.Sort(stop)
	return slices.Compact(stop), nil
}

// configEOS reads eos_token_id, a number or a list, of a model's JSON file.
func configEOS(path string) ([]int32, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, nil //nolint:nilerr // the file need not be there
	}
	var config struct {
		EOS json.RawMessage `json:"eos_token_id"`
	}
	if err := json.Unmarshal(data, &config); err != nil {
		return nil, fmt.Errorf("%s cannot be read: %w", path, err)
	}
	var one *int32
	if len(config.EOS) == 0 {
		return nil, nil
	}
	if json.Unmarshal(config.EOS, &one) == nil {
		if one == nil {
			return nil, nil
		}
		return []int32{*one}, nil
	}
	var many []int32
	if err := json.Unmarshal(config.EOS, &many); err != nil {
		return nil, fmt.Errorf("%s: eos_token_id is neither a number nor a list of numbers", path)
	}
	return many, nil
}

// turnEnd is the special token that the template puts right after an
// assistant's words.
func (c *chatter) turnEnd() (int32, bool) {
	if c.template == nil {
		return 0, false
	}
	const words = "sftui-turn-end"
	text, err := c.render(chatRequest{messages: []any{chatMessage("user", "hi"), chatMessage("assistant", words)}}, false)
	if err != nil {
		return 0, false // a template that wants other messages says so when it is asked
	}
	at := strings.LastIndex(text, words)
	if at < 0 {
		return 0, false
	}
	ids, err := c.tok.Encode(strings.TrimLeft(text[at+len(words):], " \n"))
	if err != nil || len(ids) == 0 || !c.tok.IsSpecial(ids[0]) {
		return 0, false
	}
	return ids[0], true
}
