/** Stop words. English and CJK: Lucene's lists. The other languages: function words, lists of our own. @module */

const list = (words: string): ReadonlySet<string> => new Set(words.split(/\s+/).filter((word) => word !== ""))

/** The 33 words that Lucene's EnglishAnalyzer drops. */
export const englishStopWords: ReadonlySet<string> = list(
  `a an and are as at be but by for if in into is it no not of on or such
   that the their then there these they this to was will with`,
)

/** The 35 words that Lucene's CJKAnalyzer drops: `an` is not among them. */
export const cjkStopWords: ReadonlySet<string> = new Set(
  [...englishStopWords, "s", "t", "www"].filter((word) => word !== "an"),
)

const byLanguage: Readonly<Record<string, ReadonlySet<string>>> = {
  english: englishStopWords,
  german: list(
    `aber als am an auch auf aus bei beim bin bis bist da dann das dass daß dein deine dem den denn der des dessen dich
     die dies diese diesem diesen dieser dieses dir doch dort du durch ein eine einem einen einer eines er es euch euer
     für gegen hab habe haben hat hatte hatten hier hin hinter ich ihm ihn ihnen ihr ihre ihrem ihren ihrer im in indem
     ins ist ja jede jedem jeden jeder jedes jene jenem jenen jener jenes kann kein keine keinem keinen keiner können
     man mein meine mich mir mit muss nach nicht nichts noch nun nur ob oder ohne sehr sein seine seinem seinen seiner
     sich sie sind so solche sondern über um und uns unser unter vom von vor war waren warum was weil welche welcher
     wenn wer werde werden wie wieder wir wird wo wurde wurden zu zum zur zwar zwischen`,
  ),
  french: list(
    `à ai au aucun aussi autre aux avait avec avoir c ça car ce ceci cela ces cet cette ceux ci comme d dans de des donc
     dont du elle elles en entre es est et étaient était été être eu eux fait il ils j je l la là le les leur leurs lui
     m ma mais me même mes moi mon n ne ni nos notre nous on ont ou où par pas plus pour qu quand que quel quelle quels
     qui s sa sans se ses si son sont sous sur t ta te tes toi ton tous tout toute toutes très tu un une vos votre vous
     y`,
  ),
  spanish: list(
    `a al algo ante antes aquel aquella aquellas aquellos aquí así aunque cada como cómo con contra cual cuál cuando de
     del desde donde dónde dos durante e el él ella ellas ellos en entre era eran es esa esas ese eso esos esta está
     están estas este esto estos fue fueron ha han hasta hay la las le les lo los más me mi mí mis mucho muy ni no nos
     nosotros o os otra otro para pero poco por porque que qué quien quién se ser si sí sido sin sobre son su sus
     también tan tanto te tiene todo todos tu tú tus un una uno unos y ya yo`,
  ),
  italian: list(
    `a abbia ad agli ai al alla alle allo anche c che chi ci coi col come con contro cui d da dagli dai dal dalla dalle
     dallo degli dei del dell della delle dello di dove e è ed era erano essere fra gli ha hanno ho i il in io l la le
     lei li lo loro lui ma mi mia mie miei mio ne negli nei nel nella nelle nello no noi non nostra nostro o ogni per
     perché più può qual quale quando quanto quella quelle quelli quello questa queste questi questo se sei si sia sono
     sta stato su sua sue sugli sui sul sulla sulle sullo suo suoi ti tra tu tua tuo tutti tutto un una uno vi voi`,
  ),
  portuguese: list(
    `a à ao aos aquela aquele aquilo as às até com como da das de dela dele deles depois do dos e é ela elas ele eles em
     entre era essa esse esta está este eu foi foram há isso isto já lhe lhes mais mas me mesmo meu meus minha muito na
     não nas nem no nos nós nossa nosso num numa o os ou para pela pelas pelo pelos por porque quando que quem são se
     sem ser seu seus só sobre sua suas também te tem ter teu tu tua tudo um uma você vocês vos`,
  ),
  dutch: list(
    `aan al alles als altijd andere ben bij daar dan dat de der deze die dit doch doen door dus een en er ge geen had
     heb hebben heeft hem het hier hij hoe hun ik in is ja je kan kon kunnen maar me men met mij mijn moet na naar niet
     niets nog nu of om omdat onder ons ook op over reeds te tegen toch toen tot u uit uw van veel voor want waren was
     wat we wel werd wezen wie wij wil worden wordt zal ze zei zelf zich zij zijn zo zonder zou`,
  ),
  swedish: list(
    `alla allt att av blev bli blir de dem den denna deras dess dessa det detta dig din dina ditt du där efter ej eller
     en er ert ett från för ha hade han hans har hennes henne hon honom hur här i icke ingen inom inte jag ju kan kunde
     man med mellan men mig min mina mitt mot mycket ni nu när någon något några och om oss på samma sedan sig sin sina
     sitt själv ska skulle som så sådan till under upp ut utan vad var varför vara varje vem vi vid vilka vilken vilket
     vår våra åt än är över`,
  ),
  russian: list(
    `а без более бы был была были было быть в вам вас весь во вот все всего всех вы где да даже для до его ее её если
     есть еще ещё же за здесь и из или им их к как ко когда кто ли либо мне может мы на над надо наш не него нее неё
     нет ни них но ну о об однако он она они оно от очень по под при с со так также такой там те тем то того тоже той
     только том ты у уже хотя чего чей чем что чтобы чье чья эта эти это этого этой этом этот я`,
  ),
}

/** The stop words of a language; none where we have no list. */
export function stopWordsOf(language: string): ReadonlySet<string> {
  return byLanguage[language] ?? new Set()
}
