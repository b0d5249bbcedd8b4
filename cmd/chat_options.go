package cmd

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// chatOptions are how a reply is chosen, by transformers' names.
type chatOptions struct {
	maxNewTokens int
	temperature  float64 // 0 is greedy
	topP         float64
	seed         int64
}

func defaultChatOptions() chatOptions {
	return chatOptions{maxNewTokens: 512, topP: 1, seed: 42}
}

// setPair sets an option written as key=value.
func (o *chatOptions) setPair(pair string) error {
	key, value, found := strings.Cut(pair, "=")
	if !found {
		return fmt.Errorf("%q is not key=value", pair)
	}
	return o.set(strings.TrimSpace(key), strings.TrimSpace(value))
}

func (o *chatOptions) set(key, value string) (err error) {
	switch key {
	case "max_new_tokens":
		o.maxNewTokens, err = strconv.Atoi(value)
	case "temperature":
		o.temperature, err = strconv.ParseFloat(value, 64)
	case "top_p":
		o.topP, err = strconv.ParseFloat(value, 64)
	case "seed":
		o.seed, err = strconv.ParseInt(value, 10, 64)
	default:
		return fmt.Errorf("%s is not an option of chat: max_new_tokens, temperature, top_p and seed are", key)
	}
	if err != nil {
		return fmt.Errorf("%s is %q, but it must be a number", key, value)
	}
	return nil
}

// check refuses what cannot be meant.
func (o *chatOptions) check() error {
	switch {
	case o.maxNewTokens < 1:
		return fmt.Errorf("max_new_tokens is %d, but it must be at least 1", o.maxNewTokens)
	case !(o.temperature >= 0) || math.IsInf(o.temperature, 0):
		return fmt.Errorf("temperature is %g, but it must be 0 (greedy) or above", o.temperature)
	case !(o.topP > 0 && o.topP <= 1):
		return fmt.Errorf("top_p is %g, but it must be above 0 and at most 1", o.topP)
	case o.topP < 1 && o.temperature == 0:
		return fmt.Errorf("top_p=%g has no effect on a greedy reply: set temperature above 0 too", o.topP)
	}
	return nil
}
