"""What helpers are good at, and requests for each of them."""

from __future__ import annotations

from dataclasses import dataclass

from rung.types import Language


@dataclass(frozen=True)
class Route:
    """A helper's field in a few wordings, and requests that belong to it."""

    does: tuple[str, ...]
    requests: tuple[str, ...]


HELPERS: dict[Language, tuple[tuple[str, ...], ...]] = {  # names that say nothing about the field
    "en": (
        ("A", "B", "C", "D", "E", "F"), ("one", "two", "three", "four", "five", "six"), ("Alpha", "Beta", "Gamma", "Delta", "Sigma", "Omega"),
        ("red", "blue", "green", "yellow", "white", "grey"), ("Mia", "Omar", "Ruth", "Leo", "Yuki", "Carlos"),
        ("model-1", "model-2", "model-3", "model-4", "model-5", "model-6"), ("agent_x", "agent_y", "agent_z", "agent_p", "agent_q", "agent_r"),
        ("oak", "pine", "birch", "maple", "willow", "cedar"), ("desk 1", "desk 2", "desk 3", "desk 4", "desk 5", "desk 6"),
        ("fox", "owl", "bear", "seal", "crane", "lynx"), ("t1", "t2", "t3", "t4", "t5", "t6"), ("Mars", "Venus", "Saturn", "Neptune", "Pluto", "Jupiter"),
    ),
    "zh": (
        ("甲", "乙", "丙", "丁", "戊", "己"), ("一号", "二号", "三号", "四号", "五号", "六号"), ("小张", "小李", "小王", "小赵", "小陈", "小周"),
        ("红", "蓝", "绿", "黄", "白", "灰"), ("A", "B", "C", "D", "E", "F"), ("模型1", "模型2", "模型3", "模型4", "模型5", "模型6"),
        ("东窗口", "西窗口", "南窗口", "北窗口", "中窗口", "新窗口"), ("松", "竹", "梅", "兰", "菊", "荷"), ("助手一", "助手二", "助手三", "助手四", "助手五", "助手六"),
        ("狐狸", "猫头鹰", "熊猫", "海豹", "仙鹤", "山猫"), ("t1", "t2", "t3", "t4", "t5", "t6"), ("金星", "木星", "水星", "火星", "土星", "海王星"),
    ),
}  # fmt: skip

ROUTES: dict[Language, dict[str, Route]] = {
    "en": {
        "cooking": Route(("recipes and cooking", "knows how to cook", "helps in the kitchen"), (
            "How long do I boil an egg?", "Give me a recipe for tomato soup.", "What can I bake without butter?", "My rice is always sticky. Why?",
            "How do I keep a roast from drying out?", "Which spices go with pumpkin?", "Can I freeze fresh bread dough?", "What is a quick dinner with beans?",
            "How much salt goes into pasta water?", "My cake did not rise. What went wrong?")),
        "travel": Route(("trips, hotels and flights", "plans journeys", "books travel"), (
            "Find me a cheap hotel in Rome.", "I need a flight to Madrid on Friday.", "What should I see in three days in Kyoto?", "Do I need a visa for Brazil?",
            "Which train goes along the coast?", "Plan a weekend by the sea.", "How do I get from the airport to the centre?", "Where can I leave my luggage in Paris?",
            "When is the best season to visit Iceland?", "Change my hotel booking to two nights.")),
        "law": Route(("questions of law and contracts", "legal advice", "knows rights and duties"), (
            "My landlord keeps the deposit. What can I do?", "Is a spoken contract valid?", "Can I be dismissed while I am ill?", "How do I write a will?",
            "Who is liable when a dog bites?", "What does this clause in my lease mean?", "May my neighbour cut down my tree?", "How long can I object to a fine?",
            "Do I have the right to see my file?", "Which court handles a divorce?")),
        "health": Route(("health and illness", "medical questions", "advice on symptoms and medicines"), (
            "I have had a headache for three days.", "Which medicine helps against a cough?", "My ankle is swollen after a fall.", "How much sleep does an adult need?",
            "Is a fever of 39 dangerous?", "What should I do about a bee sting?", "My skin itches after the shower.", "Can I take these pills with milk?",
            "Why do my knees hurt on stairs?", "When is a flu shot useful?")),
        "code": Route(("programming", "writes and repairs code", "software development"), (
            "Why does my loop never end?", "Write a function that reverses a list.", "I get a null pointer error in line 12.", "How do I read a file in Python?",
            "What does this regular expression match?", "Sort an array without a library.", "My unit test fails only on the server.", "How can I undo the last commit?",
            "Explain recursion with a short program.", "Which data type holds unique values?")),
        "maths": Route(("numbers and equations", "solves mathematics", "does calculations"), (
            "Solve x + 7 = 12.", "What is 15 percent of 80?", "Find the area of a circle with radius 3.", "Add up these five bills for me.",
            "How many seconds are in a day?", "What is the square root of 144?", "Divide 91 by 7.", "Simplify the fraction 18/24.",
            "What is the average of 4, 8 and 9?", "Is 97 a prime number?")),
        "translation": Route(("translates between languages", "foreign languages", "puts texts into another language"), (
            "How do you say thank you in Japanese?", "Translate this letter into French.", "What does the German word Fenster mean?", "Put the menu into Chinese, please.",
            "Is this Spanish sentence correct?", "I need the contract in Polish.", "What is the Italian for good morning?", "Turn this English poem into Russian.",
            "How is the word for sea written in Greek?", "Render this sign in Korean.")),
        "weather": Route(("weather and climate", "forecasts the weather", "tells rain, wind and sunshine"), (
            "Will it rain tomorrow?", "How cold will the night be?", "Is a storm coming to the coast?", "Should I expect snow on Sunday?",
            "When does the fog lift?", "How strong is the wind on the hill?", "Will the heat wave last?", "Is the sky clear tonight?",
            "What temperature can we expect at noon?", "Is there a risk of frost in May?")),
        "music": Route(("songs and instruments", "music and concerts", "knows about music"), (
            "How do I tune a guitar?", "Which composer wrote nine symphonies?", "Recommend a jazz album.", "What chords does this song have?",
            "How can I sing higher notes?", "Play something quiet on the piano.", "What is the difference between a violin and a viola?", "Who sings this melody?",
            "How do I read the bass clef?", "Which drum is best for beginners?")),
        "garden": Route(("plants and gardening", "helps with the garden", "knows flowers, trees and soil"), (
            "When do I plant tulips?", "My roses have black spots.", "How often must I water tomatoes?", "Which tree grows well in shade?",
            "How do I get rid of slugs?", "Can I prune the hedge in summer?", "The lawn is full of moss.", "Which soil do cactuses like?",
            "When are the pumpkins ripe?", "How deep do I sow carrots?")),
        "money": Route(("money, banks and taxes", "financial advice", "saving, loans and taxes"), (
            "How do I open a savings account?", "Is it a good time to buy shares?", "What interest will I pay on the loan?", "Which costs can I deduct from my tax?",
            "How do I make a monthly budget?", "Transfer 200 dollars to my sister.", "What is the fee for a credit card?", "Should I pay off my mortgage early?",
            "How does a pension fund work?", "My bank card was stolen.")),
        "pets": Route(("pets and animals", "cares for animals", "knows cats, dogs and birds"), (
            "My cat does not eat.", "How often should I walk a puppy?", "What do hamsters like to eat?", "The dog barks at night.",
            "Can rabbits live outside in winter?", "How do I teach a parrot to speak?", "My fish swims on its side.", "Which food is bad for dogs?",
            "How long do turtles live?", "The kitten scratches the sofa.")),
        "history": Route(("events of the past", "history", "knows kings, wars and old times"), (
            "When did the Roman Empire fall?", "Why was the Great Wall built?", "Who ruled Egypt in the age of the pyramids?", "What caused the French Revolution?",
            "How did people live in the Middle Ages?", "When was printing invented?", "Which queen reigned for 63 years?", "What was traded on the Silk Road?",
            "Who were the Vikings?", "How did the First World War begin?")),
        "support": Route(("phones and computers that do not work", "technical support", "repairs devices and networks"), (
            "My laptop does not start.", "The printer prints blank pages.", "I forgot the password of my phone.", "The internet is very slow today.",
            "How do I connect the headphones?", "The screen flickers all the time.", "My tablet gets too hot.", "The keyboard types the wrong letters.",
            "How do I move my photos to a new phone?", "An update failed halfway.")),
        "delivery": Route(("parcels and delivery", "orders on their way", "tracks shipments"), (
            "Where is my parcel?", "My order should have come yesterday.", "Can you deliver to another address?", "The courier left the package in the rain.",
            "When will the shipment arrive?", "I was not at home when you came.", "How do I track order 4471?", "Please send the box a day later.",
            "What does express delivery cost?", "The tracking number does not work.")),
        "refunds": Route(("returns and refunds", "money back for goods", "complaints about what was bought"), (
            "I want my money back.", "The shoes are too small, can I return them?", "The lamp arrived broken.", "How long do I have to send something back?",
            "You charged me twice.", "The colour is not as in the picture.", "I would like to exchange this coat.", "Who pays for the return?",
            "My refund has not come yet.", "The toy stopped working after a day.")),
        "writing": Route(("letters, stories and poems", "writes texts", "helps with style"), (
            "Write a birthday poem for my aunt.", "Make this letter sound polite.", "I need a title for my story.", "Correct the style of my essay.",
            "Draft an invitation to a wedding.", "Write three lines about autumn.", "How do I begin a love letter?", "Shorten this speech to a minute.",
            "Find a better word for nice.", "Write a bedtime story about a fox.")),
        "sport": Route(("sport and fitness", "training and matches", "knows games and exercises"), (
            "How do I train for a marathon?", "Who won the match last night?", "Show me an exercise for the back.", "What are the rules of badminton?",
            "How many players has a volleyball team?", "How can I swim faster?", "Which muscles does rowing use?", "When does the next season start?",
            "How do I warm up before running?", "What is offside?")),
        "work": Route(("staff matters, leave and pay", "human resources", "questions about the job and the office"), (
            "How many days of leave do I have left?", "When is the salary paid?", "I would like to work from home on Mondays.", "How do I report sick?",
            "Who signs my overtime?", "Where do I find the form for parental leave?", "I want to change the department.", "My pay slip has an error.",
            "When is my next review?", "Can I take unpaid leave in June?")),
        "home": Route(("repairs in the house", "plumbing, walls and windows", "handyman"), (
            "The tap drips.", "How do I drill into concrete?", "The window does not close.", "A fuse blows every evening.",
            "How do I remove mould from the wall?", "The drain is blocked.", "Which paint sticks to metal?", "My door squeaks.",
            "The heating stays cold.", "How do I hang a heavy mirror?")),
        "science": Route(("physics, chemistry and space", "science", "explains nature"), (
            "Why is the sky blue?", "How far away is the moon?", "What is an atom made of?", "Why does ice float?",
            "How do plants make oxygen?", "What happens inside a black hole?", "Why do magnets attract iron?", "How fast is light?",
            "What makes thunder?", "How does a battery work?")),
        "cars": Route(("cars and driving", "car repair", "knows engines and tyres"), (
            "My car does not start in the cold.", "When must I change the oil?", "The brakes make a noise.", "Which tyres do I need in winter?",
            "How do I jump-start the engine?", "What does the yellow light on the dashboard mean?", "How much petrol does it use?", "The clutch slips.",
            "How do I park backwards?", "My headlight is broken.")),
    },
    "zh": {
        "cooking": Route(("做菜和菜谱", "会做饭", "厨房里的事"), (
            "鸡蛋煮多久才熟？", "给我一个番茄汤的做法。", "红烧肉怎样才不腻？", "米饭总是太黏怎么办？", "饺子馅怎么调？", "南瓜配什么调料好？", "面团能冷冻吗？",
            "有什么快手的豆腐菜？", "炒青菜怎么保持绿色？", "蛋糕没发起来是什么原因？")),
        "travel": Route(("旅行、酒店和机票", "安排行程", "预订出行"), (
            "帮我找一家便宜的酒店。", "我要订周五去广州的机票。", "三天在西安怎么玩？", "去泰国要签证吗？", "从机场怎么到市中心？", "周末去海边玩，帮我安排。",
            "行李可以寄存在哪里？", "什么季节去云南最好？", "把酒店改成住两晚。", "哪趟火车沿着海边走？")),
        "law": Route(("法律和合同", "法律咨询", "解答权利和义务"), (
            "房东不退押金怎么办？", "口头合同有效吗？", "病假期间可以被辞退吗？", "遗嘱怎么写才有效？", "狗咬了人谁负责？", "租约里的这一条是什么意思？",
            "邻居能砍我的树吗？", "罚款多久之内可以申诉？", "离婚该去哪个法院？", "公司拖欠工资可以起诉吗？")),
        "health": Route(("健康和疾病", "看病用药", "解答身体不适"), (
            "我头疼三天了。", "咳嗽吃什么药好？", "摔了一跤，脚踝肿了。", "成年人一天要睡多久？", "发烧到39度危险吗？", "被蜜蜂蜇了怎么处理？", "洗完澡皮肤发痒。",
            "这种药能和牛奶一起吃吗？", "上楼梯膝盖疼是怎么回事？", "流感疫苗什么时候打？")),
        "code": Route(("编程", "写代码、改代码", "软件开发"), (
            "我的循环停不下来。", "写一个反转列表的函数。", "第12行报空指针错误。", "Python怎么读文件？", "这个正则表达式匹配什么？", "不用库怎么给数组排序？",
            "测试只在服务器上失败。", "怎样撤销上一次提交？", "用一个小程序解释递归。", "哪种数据类型不允许重复？")),
        "maths": Route(("数字和方程", "解数学题", "计算"), (
            "解方程 x+7=12。", "80的百分之十五是多少？", "半径为3的圆面积多大？", "帮我把这五张账单加起来。", "一天有多少秒？", "144的平方根是几？", "91除以7得几？",
            "把18/24约分。", "4、8、9的平均数是多少？", "97是质数吗？")),
        "translation": Route(("语言互译", "外语", "把文字译成别的语言"), (
            "日语的谢谢怎么说？", "把这封信翻译成法语。", "德语单词Fenster是什么意思？", "请把菜单译成英文。", "这句西班牙语写对了吗？", "合同需要一份波兰文的。",
            "意大利语的早上好是什么？", "把这首英文诗翻成中文。", "希腊语里海怎么写？", "这块牌子用韩语怎么写？")),
        "weather": Route(("天气和气候", "预报天气", "告诉你风雨阴晴"), (
            "明天会下雨吗？", "今晚有多冷？", "台风会来吗？", "星期天会下雪吗？", "雾什么时候散？", "山上的风大不大？", "高温还要持续多久？", "今晚看得见星星吗？",
            "中午气温多少度？", "五月还会有霜冻吗？")),
        "music": Route(("歌曲和乐器", "音乐和演唱会", "懂音乐"), (
            "吉他怎么调音？", "哪位作曲家写了九部交响曲？", "推荐一张爵士专辑。", "这首歌用什么和弦？", "怎么才能唱得更高？", "来一段安静的钢琴曲。", "小提琴和中提琴有什么不同？",
            "这段旋律是谁唱的？", "低音谱号怎么看？", "初学者买什么鼓好？")),
        "garden": Route(("花草和种植", "打理花园", "懂植物和土壤"), (
            "郁金香什么时候种？", "月季叶子上有黑斑。", "番茄多久浇一次水？", "什么树耐阴？", "怎么对付蜗牛？", "夏天可以修剪绿篱吗？", "草坪里长满了苔藓。",
            "仙人掌喜欢什么土？", "南瓜什么时候熟？", "胡萝卜要播多深？")),
        "money": Route(("理财、银行和税", "财务建议", "存款、贷款和报税"), (
            "怎么开一个储蓄账户？", "现在适合买股票吗？", "贷款要付多少利息？", "哪些费用可以抵税？", "每月的预算怎么做？", "给我妹妹转两百元。", "信用卡年费多少？",
            "房贷要不要提前还？", "养老金是怎么算的？", "我的银行卡被偷了。")),
        "pets": Route(("宠物和动物", "照顾动物", "了解猫狗和鸟"), (
            "我家的猫不吃东西。", "小狗一天要遛几次？", "仓鼠爱吃什么？", "狗晚上总叫。", "兔子冬天能养在外面吗？", "怎么教鹦鹉说话？", "鱼侧着身子游。",
            "狗不能吃什么？", "乌龟能活多少年？", "小猫抓沙发怎么办？")),
        "history": Route(("过去的事", "历史", "了解帝王、战争和古代"), (
            "罗马帝国是什么时候灭亡的？", "为什么要修长城？", "唐朝的都城在哪里？", "法国大革命的起因是什么？", "古人怎样过中秋？", "印刷术是什么时候发明的？", "谁统一了六国？",
            "丝绸之路上运什么？", "郑和下西洋去了哪些地方？", "第一次世界大战是怎么开始的？")),
        "support": Route(("手机电脑的故障", "技术支持", "修理设备和网络"), (
            "笔记本电脑开不了机。", "打印机打出来是白纸。", "我忘了手机密码。", "今天网速特别慢。", "耳机怎么连接？", "屏幕一直闪。", "平板电脑发烫。",
            "键盘打出来的字不对。", "照片怎么转到新手机？", "系统更新到一半失败了。")),
        "delivery": Route(("快递和配送", "路上的订单", "查询物流"), (
            "我的包裹到哪儿了？", "订单昨天就该到了。", "能送到另一个地址吗？", "快递员把包裹放在雨里了。", "货什么时候到？", "你们来的时候我不在家。", "怎么查4471号订单的物流？",
            "请晚一天送货。", "加急配送多少钱？", "运单号查不到。")),
        "refunds": Route(("退货和退款", "买了东西要退钱", "处理商品投诉"), (
            "我要退款。", "鞋子小了，可以退吗？", "台灯收到时就碎了。", "几天之内可以退货？", "你们多扣了一次钱。", "颜色和图片不一样。", "我想换一件大衣。",
            "退货的运费谁出？", "退的钱还没到账。", "玩具玩了一天就坏了。")),
        "writing": Route(("书信、故事和诗", "写文章", "润色文字"), (
            "给我姑姑写一首生日诗。", "把这封信改得客气些。", "给我的小说起个名字。", "帮我改改作文的文笔。", "写一份婚礼请柬。", "写三句关于秋天的话。", "情书怎么开头？",
            "把演讲稿缩短到一分钟。", "换一个比好更好的词。", "写一个狐狸的睡前故事。")),
        "sport": Route(("体育和健身", "训练和比赛", "懂运动规则"), (
            "怎么准备马拉松？", "昨晚的比赛谁赢了？", "教我一个练背的动作。", "羽毛球的规则是什么？", "排球队有几个人上场？", "怎么游得更快？", "划船练哪些肌肉？",
            "下个赛季什么时候开始？", "跑步前怎么热身？", "什么是越位？")),
        "work": Route(("假期、工资等人事问题", "人力资源", "公司里的手续"), (
            "我还剩几天年假？", "工资几号发？", "我想每周一在家办公。", "病假怎么请？", "加班单找谁签字？", "产假的表格在哪里？", "我想调换部门。", "工资条上有错。",
            "下一次考核是什么时候？", "六月可以请无薪假吗？")),
        "home": Route(("家里的维修", "水管、墙面和门窗", "修房子的师傅"), (
            "水龙头滴水。", "混凝土墙怎么打孔？", "窗户关不上。", "每天晚上都跳闸。", "墙上的霉斑怎么去掉？", "下水道堵了。", "金属上刷什么漆？", "门一开就吱吱响。",
            "暖气不热。", "怎么挂一面很重的镜子？")),
        "science": Route(("物理、化学和太空", "科学", "解释自然现象"), (
            "天空为什么是蓝的？", "月亮离我们多远？", "原子由什么组成？", "冰为什么浮在水上？", "植物怎样产生氧气？", "黑洞里面会怎样？", "磁铁为什么吸铁？",
            "光的速度是多少？", "雷声是怎么来的？", "电池是怎样工作的？")),
        "cars": Route(("汽车和驾驶", "修车", "懂发动机和轮胎"), (
            "天冷车子打不着火。", "机油多久换一次？", "刹车有异响。", "冬天用什么轮胎？", "怎么给车搭电？", "仪表盘上的黄灯是什么意思？", "这车油耗多少？",
            "离合器打滑。", "怎么倒车入库？", "车的大灯坏了。")),
    },
}  # fmt: skip
