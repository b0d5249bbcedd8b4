package ui

// chineseKeys are the texts of the key table.
var chineseKeys = map[string]string{
	"next row": "下一行", "previous row": "上一行", "one page of rows down": "向下一页", "one page of rows up": "向上一页", "first row": "第一行", "last row": "最后一行",
	"next row that is cut, dropped or has no trained token": "下一个被截断、丢弃或没有训练词元的行",
	"previous row with a problem":                           "上一个有问题的行",
	"next problem":                                          "下个问题",
	"next stage: raw › converted › rendered › tokens › labels › truncated": "下一阶段：原始 › 转换 › 渲染 › 词元 › 标签 › 截断",
	"stage": "阶段", "previous stage": "上一阶段", "scroll": "滚动", "scroll the row's text down": "向下滚动此行内容", "scroll the row's text up": "向上滚动此行内容",
	"ids": "编号", "tokens as a table with ids, labels and roles": "以表格显示词元的编号、标签和角色",
	"search": "搜索", "search the rows for a text, or for tokens>2000, trained<50%": "搜索文字，或 tokens>2000、trained<50%",
	"sort": "排序", "sort: file order, longest, shortest, least trained first": "排序：文件顺序、最长、最短、训练占比最小",
	"max_length": "max_length", "set max_length in the recipe": "在配方中设置 max_length",
	"show or hide the histogram of lengths": "显示或隐藏长度直方图", "copy the row as it is shown to the clipboard": "把当前显示的行复制到剪贴板",
	"show all rows again": "显示全部行",

	"option": "选项", "next option": "下一选项", "previous option": "上一选项", "one page down": "向下一页", "one page up": "向上一页",
	"group": "组", "next group of options": "下一组选项", "previous group of options": "上一组选项",
	"edit the option: turn a switch, pick a value, or type one": "修改选项：切换、选择或输入",
	"fix": "修复", "apply the fix of the first conflict": "应用第一个冲突的修复", "next conflict, and its option": "下一个冲突及其选项",
	"take the last edit back": "撤销上次修改", "give the option its default": "恢复默认值", "search options by name or explanation": "按名称或说明搜索选项",
	"only set": "仅已设", "show only what is not default, or all": "只显示非默认的，或全部",
	"scroll the explanation down": "向下滚动说明", "scroll the explanation up": "向上滚动说明",
	"diff": "差异", "what the edits change in the file": "修改会怎样改变文件", "write": "写入", "write the recipe to its file; comments and order stay": "把配方写回文件，保留注释与顺序",
	"show all options again": "显示全部选项",

	"less, more": "增减", "live tuning: less of the chosen setting": "实时调节：减小所选设置", "live tuning: more of the chosen setting": "实时调节：增大所选设置",
	"setting": "设置", "live tuning: next setting": "实时调节：下一设置", "live tuning: previous setting": "实时调节：上一设置",
	"keep rows a step": "保持每步行数", "live tuning: keep the rows of a step the same, or not": "实时调节：保持每步行数不变，或不保持",
	"apply": "应用", "live tuning: apply at the next step": "实时调节：下一步生效", "close": "关闭", "live tuning: close without a change": "实时调节：不修改并关闭",

	"tune": "调节", "tune the live run: rows per micro-batch, accumulation, learning rate": "调节进行中的训练：微批行数、累积、学习率",
	"save": "保存", "save a checkpoint at the next step": "下一步保存检查点", "pause": "暂停", "pause after this step, or go on": "此步后暂停，或继续",
	"stop and save": "保存并停止", "save a checkpoint and stop; the run can be resumed": "保存检查点并停止；之后可以继续",
	"stop without saving, after a question": "确认后不保存就停止", "undo the last live change": "撤销上次实时修改",
	"chart": "图表", "choose the next chart": "下一图表", "choose the previous chart": "上一图表", "zoom": "放大", "the chosen chart alone, or all": "只看所选图表，或全部",
	"crosshair": "十字线", "crosshair on or off; left and right move it": "开关十字线；左右键移动",
	"move the crosshair, or pan, to the left": "十字线或视图左移", "move the crosshair, or pan, to the right": "十字线或视图右移",
	"ten times as far to the left": "左移十倍", "ten times as far to the right": "右移十倍", "the rows of the step under the crosshair": "十字线所在步的数据行",
	"show fewer steps, larger": "显示更少的步，更大", "show more steps": "显示更多的步", "show all steps and follow the newest": "显示全部并跟随最新",
	"logarithmic scale on or off": "开关对数坐标", "show or hide the raw loss behind the smoothed one": "显示或隐藏原始损失",

	"finding": "项", "next finding": "下一项", "previous finding": "上一项", "its rows": "相关行", "list the finding's rows in Data": "在数据页列出相关行",
	"apply the finding's fix to the recipe": "把修复应用到配方", "check again": "重新检查",

	"next run": "下一个训练", "previous run": "上一个训练", "open": "打开", "open the run in Train": "在训练页打开", "overlay": "叠加",
	"lay the run's curve over the others": "叠加此训练的曲线", "resume a stopped run from its last checkpoint": "从最后的检查点继续已停止的训练",
	"its recipe": "其配方", "open the run's recipe, to start another from it": "打开此训练的配方，以便另起训练", "CSV": "CSV", "write the run's steps as CSV": "把各步写成 CSV",
	"delete the run's folder, after a question": "确认后删除训练文件夹",
	"next prompt": "下一个提示", "previous prompt": "上一个提示", "scroll down": "向下滚动", "scroll up": "向上滚动", "look at the data": "查看数据",

	"Data: rows, tokens and what carries loss": "数据：行、词元、哪些计算损失", "Findings: what would fail or surprise": "检查：会失败或出乎意料之处",
	"Recipe: all options": "配方：全部选项", "Train: the run, live": "训练：实时查看", "Runs: earlier and live ones": "历史：以前和进行中的训练",
	"Samples: what the model answers": "样例：模型的回答", "start training, after a question": "确认后开始训练", "open data": "打开数据", "quit": "退出",
	"open another data set": "打开另一份数据", "choose another model": "换一个模型", "find a command by name": "按名称查找命令",
	"log of the run and of the native libraries": "训练与本机库的日志", "English or 中文": "English 或 中文", "leave; a run goes on": "离开；训练继续",
	"leave from anywhere": "随时离开", "suspend; fg comes back": "挂起；fg 返回",
}
