package query

// stopWords are the words that a language makes sentences with and that say
// nothing by themselves: articles, pronouns, the commonest prepositions and
// conjunctions, forms of to be and to have. A language that is not here keeps
// all its words. Indexes are made with these lists: see TestLanguagesStay.
var stopWords = map[string]string{
	"english": `a an the this that these those
		i me my mine myself we us our ours ourselves you your yours yourself yourselves
		he him his himself she her hers herself it its itself they them their theirs themselves
		who whom whose which what where when why how
		am is are was were be been being have has had having do does did doing will would shall should can could may might must
		and or but nor if because as until while than then so
		of at by for with about against between into through during before after above below to from up down in out on off over under
		again further once here there all any both each few more most other some such no not only own same too very just now
		s t d m ll re ve don doesn didn isn aren wasn weren hasn haven hadn won wouldn couldn shouldn`,
	"german": `der die das den dem des ein eine einen einem einer eines
		ich mich mir mein meine meinen meinem meiner meines du dich dir dein deine deinen deinem deiner deines
		er ihn ihm sein seine seinen seinem seiner seines sie ihr ihre ihren ihrem ihrer ihres es
		wir uns unser unsere unseren unserem unserer unseres euch euer eure euren eurem eurer eures man sich
		dieser diese dieses diesen diesem jener jene jenes jenen jenem wer wen wem was wo wann warum wie welcher welche welches welchen welchem
		bin bist ist sind seid war warst waren sein gewesen habe hast hat haben hatte hatten werde wird werden wurde wurden
		kann können muss müssen soll sollen will wollen darf dürfen
		und oder aber denn weil dass daß ob wenn als damit so doch auch nur noch schon nicht kein keine keinen keinem keiner keines
		in im an am auf aus bei beim bis durch für gegen mit nach ohne über um unter von vom vor zu zum zur zwischen hier dort da dann sehr`,
	"french": `le la les l un une des du de d au aux ce cet cette ces
		je j me m moi mon ma mes tu te t toi ton ta tes il elle lui son sa ses on se s nous notre nos vous votre vos ils elles leur leurs
		qui que qu quoi dont où quand comment pourquoi quel quelle quels quelles
		suis es est sommes êtes sont étais était étaient été être ai as a avons avez ont avais avait avaient eu avoir sera seront
		et ou mais donc or ni car si comme ne n pas plus y en
		à dans par pour sur sous avec sans chez vers entre depuis pendant avant après même`,
	"spanish": `el la los las lo un una unos unas este esta estos estas ese esa esos esas aquel aquella
		yo me mi mis mí tú te tu tus ti él ella ello su sus se nosotros nos nuestro nuestra nuestros nuestras vosotros os vuestro vuestra ellos ellas les le
		quien quienes que qué cual cuales donde cuando como cómo por porque
		soy eres es somos son era eran fue fueron ser sido estoy está están estaba estaban he has ha hemos han había habían haber hay
		y e o u ni pero sino si no más muy ya también
		a al de del en con sin sobre entre hasta desde para ante bajo contra durante`,
	"italian": `il lo la i gli le l un uno una questo questa questi queste quello quella quelli quelle
		io me mi mio mia miei mie tu te ti tuo tua tuoi tue lui lei egli ella suo sua suoi sue si noi ci nostro nostra nostri nostre voi vi vostro vostra vostri vostre loro ne
		chi che cui quale quali dove quando come perché
		sono sei è siamo siete era erano stato stata essere ho hai ha abbiamo avete hanno aveva avevano avuto avere
		e ed o ma né se non più anche già
		a ad al allo alla ai agli alle di del dello della dei degli delle da dal dallo dalla dai dagli dalle
		in nel nello nella nei negli nelle con col su sul sullo sulla sui sugli sulle per tra fra senza`,
	"portuguese": `o a os as um uma uns umas este esta estes estas esse essa esses essas aquele aquela isto isso aquilo
		eu me mim meu minha meus minhas tu te ti teu tua ele ela lhe lhes seu sua seus suas se nós nos nosso nossa nossos nossas vós vos você vocês eles elas
		quem que qual quais onde quando como porque
		sou é somos são era eram foi foram ser sido estou está estão estava estavam tenho tem temos têm tinha tinham ter há
		e ou mas nem se não mais muito já também
		à às ao aos de do da dos das em no na nos nas num numa com sem sobre entre até desde para por pelo pela pelos pelas`,
	"dutch": `de het een dit dat deze die ik me mij mijn je jij jou jouw u uw hij hem zijn zij ze haar wij we ons onze jullie hun hen zich men
		wie wat waar wanneer waarom hoe welke ben bent is was waren geweest heb hebt heeft hebben had hadden word wordt worden werd werden zal zullen zou kan kunnen moet
		en of maar want omdat als dan toen niet geen ook nog al er hier daar zo
		aan bij door in met na naar om onder op over tegen te tot uit van voor zonder`,
	"swedish": `en ett den det de denna detta dessa jag mig min mitt mina du dig din ditt dina han honom hans hon henne hennes vi oss vår vårt våra ni er ert era dem deras sig sin sitt sina man
		vem vad var när varför hur vilken vilket vilka är var varit vara har hade haft ha blir blev bli ska skulle kan kunde måste
		och eller men för att om som så än inte ingen inget inga också här där nu
		av från hos i med mellan på till under ur utan vid över efter`,
	"danish": `en et den det de denne dette disse jeg mig min mit mine du dig din dit dine han ham hans hun hende hendes vi os vores i jer jeres dem deres sig sin sit sine man
		hvem hvad hvor hvornår hvorfor hvordan hvilken hvilket hvilke er var været være har havde haft have bliver blev blive skal skulle kan kunne må
		og eller men for at om som så end ikke ingen intet også her der nu
		af fra hos med mellem på til under uden ved over efter ad`,
	"norwegian": `en ei et den det de denne dette disse jeg meg min mi mitt mine du deg din di ditt dine han ham hans hun henne hennes vi oss vår vårt våre dere deres dem seg sin si sitt sine man
		hvem hva hvor når hvorfor hvordan hvilken hvilket hvilke er var vært være har hadde hatt ha blir ble bli skal skulle kan kunne må
		og eller men for at om som så enn ikke ingen intet også her der nå
		av fra hos i med mellom på til under uten ved over etter`,
	"finnish": `ja tai mutta että jos kun niin kuin koska vaan sekä vai
		minä minun minut minua minulla sinä sinun sinut sinua hän hänen hänet häntä me meidän meitä te teidän teitä he heidän heitä
		se sen sitä siinä ne niiden niitä tämä tämän tätä nämä näiden tuo tuon nuo joka jonka jotka mikä mitä kuka missä milloin miksi miten
		olen olet on olemme olette ovat oli olivat ole olla ollut ei en et emme ette eivät
		myös vain jo nyt kanssa yli alla päällä ennen jälkeen`,
	"hungarian": `a az egy és vagy de hogy ha mert mint is sem nem se ne csak már még itt ott most akkor
		én te ő mi ti ők engem téged őt minket titeket őket ez azt ezt ezek azok aki ami amely akik amik amelyek ki mit hol mikor miért hogyan
		van vannak volt voltak lesz lesznek lenni vagyok vagy vagyunk vagytok nincs
		után előtt alatt felett között nélkül szerint által`,
	"russian": `и а но или да что чтобы как если когда то же ли бы не ни
		я меня мне мной ты тебя тебе он его ему им она её ее ей оно мы нас нам вы вас вам они их мой моя моё мои твой ваш наш свой себя
		этот эта это эти тот та те кто где куда почему который которая которое которые
		быть был была было были есть будет будут
		в во на с со к ко у о об от до из за по под над при для без через между уже ещё еще так там тут вот только очень`,
	"turkish": `ve veya ya ama fakat ile ki çünkü eğer de da
		bir bu şu o bunu şunu onu bunlar şunlar onlar ben beni bana sen seni sana biz bizi bize siz sizi size benim senim onun bizim sizin onların
		kim ne nerede neden nasıl hangi mi mı mu mü
		idi imiş ise olan olarak oldu değil var yok
		için gibi kadar göre sonra önce çok daha en her hiç`,
}
