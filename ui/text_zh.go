package ui

// chineseTexts are the workbench's texts in Simplified Chinese, by the English
// text that stands in the code.
var chineseTexts = map[string]string{}
