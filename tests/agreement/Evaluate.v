(* `predict` of Layer.v, computed. Matrices of MathComp are locked, so Coq cannot evaluate them; on
   tables of numbers it can. Every definition of Layer.v is proved to be what a computation on
   tables gives, up to `evaluates`, which says so of `predict`. A change of meaning in Layer.v
   therefore breaks a proof here, or changes a number. *)
From Coq Require Import ZArith QArith.
Require Import Prelude.
From mathcomp.zify Require Import ssrZ zify.
Require Import Layer.

Section Tables.
Variables (F : fieldType) (relu : F -> F) (d positions : nat).
(* Numbers that compute, `value` of which are those of the field. *)
Variables (C : Type) (zero one minus : C) (plus times : C -> C -> C) (inverse rectify : C -> C).
Variables (value : C -> F) (number : F -> C).
Hypotheses (value0 : value zero = 0) (value1 : value one = 1) (value_minus : value minus = -1).
Hypotheses (valueD : forall a b, value (plus a b) = value a + value b)
  (valueM : forall a b, value (times a b) = value a * value b)
  (valueV : forall a, value (inverse a) = (value a)^-1)
  (value_rectify : forall a, value (rectify a) = relu (value a))
  (numberK : forall c, value (number c) = c).
(* The one matrix that blocks of the kind `Apply` use, `Row` its first row. *)
Variables (vector : 'cV[F]_d) (square : 'M[F]_d) (rows : seq (seq C)).
Let entry i j := nth zero (nth [::] rows i) j.
Hypothesis vectorE : vector = \col_j value (entry 0 j).
Hypothesis squareE : square = \matrix_(i, j) value (entry i j).

Local Notation size := (size d positions).
Local Notation stream := (stream F d positions).

(* -- tables ------------------------------------------------------------------------------- *)

Definition table := seq (seq C).

Definition get (A : table) (i j : nat) : C := nth zero (nth [::] A i) j.

Definition tabulate p q (f : nat -> nat -> C) : table := mkseq (fun i => mkseq (f i) q) p.

Definition matrix p q (A : table) : 'M[F]_(p, q) := \matrix_(i, j) value (get A i j).

Lemma get_tabulate p q f i j : (i < p)%N -> (j < q)%N -> get (tabulate p q f) i j = f i j.
Proof. by move=> ip jq; rewrite /get nth_mkseq // nth_mkseq. Qed.

Lemma matrix_tabulate p q f : matrix p q (tabulate p q f) = \matrix_(i, j) value (f i j).
Proof. by apply/matrixP => i j; rewrite !mxE get_tabulate. Qed.

Definition total_of n (f : nat -> C) : C := foldr (fun i sum => plus (f i) sum) zero (iota 0 n).

Lemma value_total n f : value (total_of n f) = \sum_(i < n) value (f i).
Proof.
rewrite -(big_mkord xpredT (fun i => value (f i))) /index_iota subn0 /total_of.
by elim: (iota 0 n) => [|i r IH]; rewrite ?big_nil ?big_cons //= valueD IH.
Qed.

Lemma value_if (b : bool) a c : value (if b then a else c) = if b then value a else value c.
Proof. by case: b. Qed.

(* Where a slot's unit stands in a row of its table: a d x d matrix is stored row-major. *)
Definition place (s : shape) : 'I_(size s) -> nat :=
  match s return 'I_(size s) -> nat with
  | Matrix => fun k => let ij := enum_val (cast_ord (esym (mxvec_cast d d)) k) in (ij.1 * d + ij.2)%N
  | _ => fun k => k
  end.

Arguments place : simpl never.

Lemma place_index (i j : 'I_d) : place (s := Matrix) (mxvec_index i j) = (i * d + j)%N.
Proof. by rewrite /place /mxvec_index cast_ordK enum_rankK. Qed.

Lemma matrix_place_lt (i j : 'I_d) : (i * d + j < d * d)%N.
Proof.
apply: (@leq_trans (i.+1 * d)); last by rewrite leq_mul2r ltn_ord orbT.
by rewrite mulSn addnC ltn_add2r.
Qed.

Lemma place_lt s (k : 'I_(size s)) : (place k < size s)%N.
Proof.
case: s k => k; try exact: ltn_ord.
by case/mxvec_indexP: k => i j; rewrite place_index matrix_place_lt.
Qed.

Lemma modn_place (i j : 'I_d) : ((i * d + j) %% d)%N = j.
Proof. by rewrite modnMDl modn_small. Qed.

Lemma divn_place (i j : 'I_d) : ((i * d + j) %/ d)%N = i.
Proof. by rewrite divnMDl ?divn_small ?addn0 //; case: d j => [[]|]. Qed.

Definition placed s (k : 'I_(size s)) : 'I_(size s) := Ordinal (place_lt k).

Lemma placed_inj s : injective (@placed s).
Proof.
case: s => k l /(congr1 val) /=; try by apply: val_inj.
case/mxvec_indexP: k => i j; case/mxvec_indexP: l => i' j'.
rewrite !place_index => same.
have -> : j = j' by apply: val_inj; rewrite /= -(modn_place i j) same modn_place.
suff -> : i = i' by [].
by apply: val_inj; rewrite /= -(divn_place i j) same divn_place.
Qed.

Lemma sum_place s (f : nat -> F) : \sum_(k < size s) f (place k) = \sum_(k < size s) f k.
Proof. by rewrite [RHS](reindex_inj (@placed_inj s)). Qed.

(* -- streams ------------------------------------------------------------------------------ *)

Definition tables := shape -> string -> table.

Definition shown p s (A : table) : 'M[F]_(p, size s) := \matrix_(t, k) value (get A t (place k)).

Definition shows p (h : stream p) (T : tables) := forall s name, h s name = shown p s (T s name).

Lemma shown_tabulate p s f :
  shown p s (tabulate p (size s) f) = \matrix_(t, k) value (f t (place k)).
Proof. by apply/matrixP => t k; rewrite !mxE get_tabulate ?place_lt. Qed.

Definition zeros p q := tabulate p q (fun _ _ => zero).

Definition sum_of p q (A B : table) := tabulate p q (fun i j => plus (get A i j) (get B i j)).

Lemma shown_zeros p s : shown p s (zeros p (size s)) = 0.
Proof. by rewrite shown_tabulate; apply/matrixP => t k; rewrite !mxE value0. Qed.

Lemma matrix_zeros p q : matrix p q (zeros p q) = 0.
Proof. by rewrite matrix_tabulate; apply/matrixP => t k; rewrite !mxE value0. Qed.

Lemma shown_sum p s A B : shown p s (sum_of p (size s) A B) = shown p s A + shown p s B.
Proof. by rewrite shown_tabulate; apply/matrixP => t k; rewrite !mxE valueD. Qed.

Lemma matrix_sum p q A B : matrix p q (sum_of p q A B) = matrix p q A + matrix p q B.
Proof. by rewrite matrix_tabulate; apply/matrixP => t k; rewrite !mxE valueD. Qed.

(* -- slot maps ---------------------------------------------------------------------------- *)

Definition read_pattern p s t (pat : pattern F d s t) (A : table) : table :=
  match pat with
  | Same _ => A
  | RepeatRows => tabulate p (d * d) (fun t k => get A t (k %% d))
  | RepeatColumns => tabulate p (d * d) (fun t k => get A t (k %/ d))
  | SumColumns => tabulate p d (fun t i => total_of d (fun j => get A t (i * d + j)))
  | SumRows => tabulate p d (fun t j => total_of d (fun i => get A t (i * d + j)))
  | Transpose => tabulate p (d * d) (fun t k => get A t (k %% d * d + k %/ d))
  | Diagonal => tabulate p (d * d) (fun t k => if (k %/ d == k %% d)%N then get A t 0 else zero)
  | Repeat => tabulate p d (fun t _ => get A t 0)
  | Sum => tabulate p 1 (fun t _ => total_of d (get A t))
  | Pick i => tabulate p 1 (fun t _ => if (i < positions)%N then get A t i else zero)
  | Spread i => tabulate p d (fun t _ => if (i < positions)%N then get A t i else zero)
  | Row _ => tabulate p 1 (fun t _ => total_of d (fun j => times (get A t j) (entry 0 j)))
  | Apply _ =>
      tabulate p d (fun t i => total_of d (fun j => times (get A t j) (entry i j)))
  end.

(* Whether its explicit matrices are the one matrix, or its first row. *)
Definition plain_pattern s t (pat : pattern F d s t) :=
  match pat with Row w => w = vector | Apply B => B = square | _ => True end.

Lemma held_shown p A (t : 'I_p) i j :
  held (shown p Matrix A) t i j = value (get A t (i * d + j)).
Proof. by rewrite /held !mxE place_index. Qed.

Lemma holding_shown p (B : 'I_p -> 'M[F]_d) (f : nat -> nat -> C) :
  (forall t i j, B t i j = value (f t (i * d + j)%N)) ->
  holding B = shown p Matrix (tabulate p (d * d) f).
Proof.
move=> same; rewrite (shown_tabulate p Matrix); apply/matrixP => t k.
by case/mxvec_indexP: k => i j; rewrite !mxE mxvecE place_index.
Qed.

Lemma pattern_shown p s t (pat : pattern F d s t) A : plain_pattern pat ->
  apply_pattern pat (shown p s A) = shown p t (read_pattern p pat A).
Proof.
case: pat => [|||||||||i|i|w|B] /= plain; rewrite ?plain //.
- by apply: holding_shown => u i j; rewrite !mxE modn_place.
- by apply: holding_shown => u i j; rewrite !mxE divn_place.
- rewrite (shown_tabulate p Vector); apply/matrixP => u k; rewrite !mxE value_total.
  by apply: eq_bigr => j _; rewrite held_shown.
- rewrite (shown_tabulate p Vector); apply/matrixP => u k; rewrite !mxE value_total.
  by apply: eq_bigr => j _; rewrite held_shown.
- apply: holding_shown => u i j.
  by rewrite mxE held_shown modn_place divn_place.
- apply: holding_shown => u i j.
  by rewrite !mxE modn_place divn_place value_if value0 -val_eqE /=; case: eqP => _; rewrite ?mulr1n ?mulr0n.
- rewrite (shown_tabulate p Vector); apply/matrixP => u k; rewrite !mxE.
  by rewrite /place.
- rewrite (shown_tabulate p Scalar); apply/matrixP => u k; rewrite !mxE value_total.
  by apply: eq_bigr => j _; rewrite mxE.
- rewrite (shown_tabulate p Scalar); apply/matrixP => u k; rewrite !mxE value_if value0.
  by case: insubP => [j inside ji|/negbTE -> //]; rewrite mxE inside -ji.
- rewrite (shown_tabulate p Vector); apply/matrixP => u k; rewrite !mxE value_if value0.
  by case: insubP => [j inside ji|/negbTE -> //]; rewrite mxE inside -ji.
- rewrite (shown_tabulate p Scalar) vectorE; apply/matrixP => u k; rewrite !mxE value_total.
  by apply: eq_bigr => j _; rewrite !mxE valueM.
- rewrite (shown_tabulate p Vector) squareE; apply/matrixP => u k; rewrite !mxE value_total.
  by apply: eq_bigr => j _; rewrite !mxE valueM.
Qed.

Definition plain_block t (b : block F d t) := let: Block _ _ _ pat _ := b in plain_pattern pat.

Definition all_of T (P : T -> Prop) (items : seq T) := foldr (fun x rest => P x /\ rest) True items.

Definition plain_map (m : slotmap F d) :=
  all_of (@plain_block Scalar) (blocks m Scalar) /\ all_of (@plain_block Vector) (blocks m Vector)
  /\ all_of (@plain_block Matrix) (blocks m Matrix)
  /\ all_of (@plain_block Positions) (blocks m Positions).

Lemma plain_blocks m t : plain_map m -> all_of (@plain_block t) (blocks m t).
Proof. by case: t => -[? [? []]]. Qed.

Fixpoint read_total p (T : tables) t (bs : seq (block F d t)) (name : string) : table :=
  match bs with
  | Block written c s pat source :: rest =>
      let more := read_total p T rest name in
      if String.eqb written name then
        let A := read_pattern p pat (T s source) in
        let k := number c in
        tabulate p (size t) (fun i j => plus (times k (get A i j)) (get more i j))
      else more
  | [::] => zeros p (size t)
  end.

Definition read_map (m : slotmap F d) p (T : tables) : tables :=
  fun t name => read_total p T (blocks m t) name.

Lemma map_shows m p (h : stream p) T :
  plain_map m -> shows h T -> shows (image m h) (read_map m p T).
Proof.
move=> plain same t name; rewrite /image /read_map.
elim: (blocks m t) (plain_blocks t plain) => [|[written c s pat source] rest IH] /=.
  by rewrite shown_zeros.
case=> now /IH later; case: String.eqb => //.
rewrite shown_tabulate same (pattern_shown _ _ now) later.
by apply/matrixP => i j; rewrite !mxE valueD valueM numberK.
Qed.

(* -- heads -------------------------------------------------------------------------------- *)

Definition products r p s (A B : table) : table :=
  tabulate r p (fun t j => total_of (size s) (fun k => times (get A t k) (get B j k))).

Lemma matrix_products r p s A B :
  matrix r p (products r p s A B) = shown r s A *m (shown p s B)^T.
Proof.
rewrite matrix_tabulate; apply/matrixP => t j; rewrite !mxE value_total.
rewrite -(sum_place s (fun k => value (times (get A t k) (get B j k)))).
by apply: eq_bigr => k _; rewrite !mxE valueM.
Qed.

Definition read_scores (hd : head F d) r p (T seen : tables) : table :=
  let feature s name :=
    products r p s (read_map (query hd) r T s name) (read_map (key hd) p seen s name) in
  let features s :=
    foldr (fun name sum => sum_of r p (feature s name) sum) (zeros r p) (names (query hd) s) in
  sum_of r p (features Scalar)
    (sum_of r p (features Vector) (sum_of r p (features Matrix) (features Positions))).

Definition plain_head (hd : head F d) :=
  plain_map (query hd) /\ plain_map (key hd) /\ plain_map (Layer.value hd).

Lemma scores_shown hd r p (h : stream r) (seen : stream p) T U :
  plain_head hd -> shows h T -> shows seen U ->
  scores hd h seen = matrix r p (read_scores hd r p T U).
Proof.
move=> [plain_query [plain_key _]] same same_seen.
rewrite /scores /read_scores !matrix_sum.
suff features s :
    foldr (fun name sum => image (query hd) h s name *m (image (key hd) seen s name)^T + sum) 0
      (names (query hd) s) =
    matrix r p (foldr (fun name sum => sum_of r p (products r p s
      (read_map (query hd) r T s name) (read_map (key hd) p U s name)) sum) (zeros r p)
      (names (query hd) s)) by rewrite !features.
elim: (names _ _) => [|name rest IH] /=; first by rewrite matrix_zeros.
by rewrite matrix_sum matrix_products IH (map_shows plain_query same) (map_shows plain_key same_seen).
Qed.

Definition read_weights (a : attention) r p (S : table) : table :=
  match a with
  | Linear => S
  | Relu => tabulate r p (fun t j => rectify (get S t j))
  | Normalised null => tabulate r p (fun t j =>
      times (get S t j) (inverse (plus (total_of p (get S t)) (if null then one else zero))))
  end.

Lemma weights_shown a r p S :
  weights relu a (matrix r p S) = matrix r p (read_weights a r p S).
Proof.
case: a => [||null] //=; rewrite matrix_tabulate; apply/matrixP => t j; rewrite !mxE.
  by rewrite value_rectify.
rewrite valueM valueV valueD value_total; congr (_ / (_ + _)); last by case: null.
by apply: eq_bigr => i _; rewrite mxE.
Qed.

Definition read_attend (hd : head F d) n r p (T seen : tables) : tables :=
  let w := read_weights (weighting hd) r p (read_scores hd r p T seen) in
  let share := if average hd then inverse (number n%:R) else one in
  fun s name =>
    let V := read_map (Layer.value hd) p seen s name in
    tabulate r (size s) (fun t k =>
      total_of p (fun j => times (get w t j) (times share (get V j k)))).

Lemma attend_shows hd n r p (h : stream r) (seen : stream p) T U :
  plain_head hd -> shows h T -> shows seen U ->
  shows (attend relu hd n h seen) (read_attend hd n r p T U).
Proof.
move=> plain same same_seen s name; rewrite /attend /read_attend shown_tabulate.
rewrite (scores_shown plain same same_seen) weights_shown.
rewrite (map_shows plain.2.2 same_seen); apply/matrixP => t k; rewrite !mxE value_total.
apply: eq_bigr => j _; rewrite !mxE !valueM value_if valueV numberK value1.
by case: (average hd).
Qed.

(* -- MLPs --------------------------------------------------------------------------------- *)

Definition read_hidden (f : mlp F d) p (T : tables) : tables :=
  let units := if inner f is Some m then read_map m p T else T in
  let active s name :=
    let A := units s name in
    if applied f is Rectified then tabulate p (size s) (fun t k => rectify (get A t k)) else A in
  if gate f is Some g then fun s name =>
    let A := active s name in
    let B := read_map g p T s name in
    tabulate p (size s) (fun t k => times (get A t k) (get B t k))
  else active.

Definition plain_option (m : option (slotmap F d)) := if m is Some m then plain_map m else True.

Definition plain_mlp (f : mlp F d) :=
  plain_map (outer f) /\ plain_option (inner f) /\ plain_option (gate f).

Lemma hidden_shows f p (h : stream p) T :
  plain_mlp f -> shows h T -> shows (hidden relu f h) (read_hidden f p T).
Proof.
case: f => o i g a [/= plain_outer [/= plain_inner /= plain_gate]] same.
set units := if i is Some m then image m h else h.
set units' := if i is Some m then read_map m p T else T.
have units_show : shows units units'.
  by rewrite {}/units {}/units'; case: i plain_inner => // m plain; apply: map_shows.
have active_show s name :
    activate relu a (units s name) = shown p s (let A := units' s name in
      if a is Rectified then tabulate p (size s) (fun t k => rectify (get A t k)) else A).
  rewrite units_show; case: a => //=; rewrite shown_tabulate.
  by apply/matrixP => t k; rewrite !mxE value_rectify.
rewrite /hidden /read_hidden /= -/units -/units'.
case: g plain_gate => [m /= plain|_] s name; last exact: active_show.
rewrite active_show (map_shows plain same) shown_tabulate.
by apply/matrixP => t k; rewrite !mxE valueM.
Qed.

Definition read_perceive (f : option (mlp F d)) p (T : tables) : tables :=
  if f is Some f then
    let H := read_hidden f p T in
    fun s name => sum_of p (size s) (T s name) (read_map (outer f) p H s name)
  else T.

Lemma perceive_shows f p (h : stream p) T :
  (if f is Some f then plain_mlp f else True) -> shows h T ->
  shows (perceive relu f h) (read_perceive f p T).
Proof.
case: f => [f|] //= plain same s name.
by rewrite shown_sum same (map_shows plain.1 (hidden_shows plain same)).
Qed.

(* -- layers ------------------------------------------------------------------------------- *)

Definition stacked n m (A B : table) q : table :=
  tabulate (n + m) q (fun t k => if (t < n)%N then get A t k else get B (t - n) k).

Lemma shown_stacked n m s A B :
  shown (n + m) s (stacked n m A B (size s)) = col_mx (shown n s A) (shown m s B).
Proof.
rewrite shown_tabulate; apply/matrixP => t k; rewrite !mxE value_if.
by case: splitP => u tu; rewrite !mxE tu ?addKn.
Qed.

Lemma matrix_stacked n m q A B :
  matrix (n + m) q (stacked n m A B q) = col_mx (matrix n q A) (matrix m q B).
Proof.
rewrite matrix_tabulate; apply/matrixP => t k; rewrite !mxE value_if.
by case: splitP => u tu; rewrite !mxE tu ?addKn.
Qed.

Record both := Both { of_context : tables; of_queries : tables }.

Definition shows_both n m (all : tokens F d positions n m) (T : both) :=
  shows (context all) (of_context T) /\ shows (queries all) (of_queries T).

Section Apply.
Variables (examples n m : nat).

Definition read_received (hd : head F d) (all : both) r (T : tables) : tables :=
  match sees hd with
  | Context => read_attend hd examples r n T (of_context all)
  | Full => read_attend hd examples r (n + m) T (fun s name =>
      stacked n m (of_context all s name) (of_queries all s name) (size s))
  end.

Definition read_residual (hds : seq (head F d)) (all : both) r (T : tables) : tables :=
  let sent := map (fun hd => read_received hd all r T) hds in
  fun s name => foldl (fun sum U => sum_of r (size s) sum (U s name)) (T s name) sent.

Definition read_layer (l : layer F d) (all : both) : both :=
  Both (read_perceive (feedforward l) n (read_residual (heads l) all n (of_context all)))
       (read_perceive (feedforward l) m (read_residual (heads l) all m (of_queries all))).

Definition plain_layer (l : layer F d) :=
  all_of plain_head (heads l) /\ (if feedforward l is Some f then plain_mlp f else True).

Lemma received_shows hd (all : tokens F d positions n m) U r (h : stream r) T :
  plain_head hd -> shows_both all U -> shows h T ->
  shows (received relu examples hd all h) (read_received hd U r T).
Proof.
move=> plain [same_context same_queries] same; rewrite /received /read_received.
case: (sees hd); first exact: attend_shows.
apply: attend_shows => // s name.
by rewrite /stack shown_stacked same_context same_queries.
Qed.

Lemma residual_shows hds (all : tokens F d positions n m) U r (h : stream r) T :
  all_of plain_head hds -> shows_both all U -> shows h T ->
  shows (residual relu examples hds all h) (read_residual hds U r T).
Proof.
move=> plain same_all same s name; rewrite /residual /read_residual.
have {}same_now : h s name = shown r s (T s name) := same s name.
elim: hds plain (h s name) (T s name) same_now => [|hd rest IH] //= [now later] A B same_now.
apply: IH => //; rewrite shown_sum same_now; congr (_ + _).
exact: received_shows.
Qed.

Lemma layer_shows l (all : tokens F d positions n m) U :
  plain_layer l -> shows_both all U ->
  shows_both (apply_layer relu examples l all) (read_layer l U).
Proof.
move=> [plain_heads plain_mlp] same; split; apply: perceive_shows => //;
by apply: residual_shows => //; case: same.
Qed.

Definition read_run (ls : seq (layer F d)) (all : both) : both :=
  foldl (fun T l => read_layer l T) all ls.

Lemma run_shows ls (all : tokens F d positions n m) U :
  all_of plain_layer ls -> shows_both all U ->
  shows_both (run relu examples ls all) (read_run ls U).
Proof.
elim: ls all U => [|l rest IH] //= all U [now later] same.
by apply: IH => //; apply: layer_shows.
Qed.
End Apply.

(* -- tokens ------------------------------------------------------------------------------- *)

Definition read_features p (at_number : nat -> nat) (x y query register : table) : tables :=
  fun s name =>
  match s with
  | Scalar =>
      if String.eqb name "y" then y
      else if String.eqb name "one" then tabulate p 1 (fun _ _ => one)
      else if String.eqb name "index" then tabulate p 1 (fun t _ => number (at_number t)%:R)
      else if String.eqb name "query" then query
      else if String.eqb name "register" then register else zeros p 1
  | Vector =>
      if String.eqb name "x" then x
      else if String.eqb name "x_example" then
        tabulate p d (fun t i => times (plus one (times minus (get query t 0))) (get x t i))
      else if String.eqb name "x_query" then
        tabulate p d (fun t i => times (get query t 0) (get x t i))
      else zeros p d
  | Matrix => zeros p (d * d)
  | Positions =>
      if String.eqb name "position" then
        tabulate p positions (fun t j => if at_number t == j then one else zero)
      else zeros p positions
  end.

Lemma features_show p (at_row : 'I_p -> nat) (at_number : nat -> nat) x y query register :
  (forall t : 'I_p, at_row t = at_number t) ->
  shows (@features F d positions p at_row (matrix p d x) (matrix p 1 y) (matrix p 1 query)
          (matrix p 1 register))
        (read_features p at_number x y query register).
Proof.
move=> same s name; case: s => /=.
- do ! [case: String.eqb; first by rewrite ?(shown_tabulate p Scalar);
    apply/matrixP => t k; rewrite !mxE ?value1 ?numberK ?same].
  by rewrite (shown_zeros p Scalar).
- case: String.eqb; first by apply/matrixP => t k; rewrite !mxE.
  case: String.eqb.
    rewrite (shown_tabulate p Vector); apply/matrixP => t k; rewrite !mxE.
    by rewrite valueM valueD valueM value1 value_minus mulN1r.
  case: String.eqb; last by rewrite (shown_zeros p Vector).
  by rewrite (shown_tabulate p Vector); apply/matrixP => t k; rewrite !mxE valueM.
- by rewrite (shown_zeros p Matrix).
- case: String.eqb; last by rewrite (shown_zeros p Positions).
  rewrite (shown_tabulate p Positions); apply/matrixP => t k; rewrite !mxE same value_if.
  by rewrite value0 value1; case: eqP.
Qed.

Definition ones p := tabulate p 1 (fun _ _ => one).

Lemma matrix_ones p : matrix p 1 (ones p) = const_mx 1.
Proof. by rewrite matrix_tabulate; apply/matrixP => t k; rewrite !mxE value1. Qed.

Definition interleaved_at first n t : nat := (first + if t < n then t.*2 else (t - n).*2.+1)%N.

Definition read_embed (w : witness F d) n m (X y Q : table) : both :=
  let seen p at_number x y r :=
    read_map (embedding w) p (read_features p at_number x y (zeros p 1) r) in
  let asked first :=
    read_map (embedding w) m (read_features m (fun t => first + t)%N Q (zeros m 1) (ones m)
      (zeros m 1)) in
  match prompt_form w, register w with
  | Joint, false => Both (seen n (fun t => t) X y (zeros n 1)) (asked n)
  | Joint, true =>
      Both (seen (1 + n)%N (fun t => t) (stacked 1 n (zeros 1 d) X d) (stacked 1 n (zeros 1 1) y 1)
             (stacked 1 n (ones 1) (zeros n 1) 1))
           (asked n.+1)
  | Interleaved, false =>
      Both (seen (n + n)%N (interleaved_at 0 n) (stacked n n X (zeros n d) d)
             (stacked n n (zeros n 1) y 1) (zeros (n + n) 1))
           (asked n.*2)
  | Interleaved, true =>
      Both (seen (1 + (n + n))%N (fun t => if t < 1 then 0 else interleaved_at 1 n (t - 1))%N
             (stacked 1 (n + n) (zeros 1 d) (stacked n n X (zeros n d) d) d)
             (stacked 1 (n + n) (zeros 1 1) (stacked n n (zeros n 1) y 1) 1)
             (stacked 1 (n + n) (ones 1) (zeros (n + n) 1) 1))
           (asked n.*2.+1)
  end.

Lemma interleaved_number_at first n (t : 'I_(n + n)) :
  interleaved_number first t = interleaved_at first n t.
Proof.
rewrite /interleaved_number /interleaved_at; congr (_ + _)%N.
by case: splitP => u tu; rewrite tu ?addKn.
Qed.

Lemma matrix_first_one : matrix 1 1 (ones 1) = 1.
Proof. by rewrite matrix_ones; apply/matrixP => i j; rewrite !mxE !ord1. Qed.

Lemma embed_shows w n m X y Q : plain_map (embedding w) ->
  shows_both (embed positions w (matrix n d X) (matrix n 1 y) (matrix m d Q))
    (read_embed w n m X y Q).
Proof.
case: w => form registered e ls slot c /= plain; rewrite /embed /read_embed /=.
case: form; case: registered; split=> /=; apply: map_shows => //;
  rewrite -?(matrix_zeros, matrix_first_one, matrix_ones) -?matrix_stacked;
  apply: features_show => t //=; rewrite ?interleaved_number_at //.
by case: splitP => u tu; rewrite ?interleaved_number_at ?tu ?addKn.
Qed.

Definition read_predict (w : witness F d) n m (X y Q : table) : table :=
  let p := (register w + example_tokens (prompt_form w) n)%N in
  let last := of_queries (read_run n p m (layers w) (read_embed w n m X y Q)) Scalar (readout w) in
  let k := number (readout_coefficient w) in
  tabulate m 1 (fun t _ => times k (get last t 0)).

Definition plain (w : witness F d) := plain_map (embedding w) /\ all_of plain_layer (layers w).

Theorem evaluates w n m X y Q : plain w ->
  predict relu positions w (matrix n d X) (matrix n 1 y) (matrix m d Q) =
  matrix m 1 (read_predict w n m X y Q).
Proof.
move=> [plain_embedding plain_layers]; rewrite /predict /read_predict matrix_tabulate.
have [_ ->] := run_shows n plain_layers (embed_shows n m X y Q plain_embedding).
by apply/matrixP => t k; rewrite !mxE ord1 valueM numberK.
Qed.

End Tables.

(* -- fractions ---------------------------------------------------------------------------- *)

(* Q computes with binary numbers; rat is the field. *)
Definition fraction (q : Q) : rat :=
  (int_of_Z (Qnum q))%:~R / (int_of_Z (Zpos (Qden q)))%:~R.

Definition of_rat (r : rat) : Q := Qmake (Z_of_int (numq r)) (Z.to_pos (Z_of_int (denq r))).

Definition rectified (r : rat) : rat := if 0 <= r then r else 0.

Definition rectify_fraction (q : Q) : Q := if Z.leb 0 (Qnum q) then q else Qmake 0 1.

Definition sum_fraction (a b : Q) : Q := Qred (Qplus a b).

Definition product_fraction (a b : Q) : Q := Qred (Qmult a b).

Definition inverse_fraction (a : Q) : Q := Qred (Qinv a).

Lemma numerator_pos p : 0 < (int_of_Z (Zpos p))%:~R :> rat.
Proof. by rewrite ltr0z /=; case: Pos.to_nat (Pos2Nat.is_pos p) => // /Nat.lt_irrefl. Qed.

Lemma denominator_neq0 p : (int_of_Z (Zpos p))%:~R != 0 :> rat.
Proof. exact: lt0r_neq0 (numerator_pos p). Qed.

Lemma int_of_ZM a b : int_of_Z (Z.mul a b) = int_of_Z a * int_of_Z b.
Proof. exact: (rmorphM [rmorphism of int_of_Z] a b). Qed.

Lemma int_of_ZD a b : int_of_Z (Z.add a b) = int_of_Z a + int_of_Z b.
Proof. exact: (raddfD [additive of int_of_Z] a b). Qed.

Lemma int_of_ZN a : int_of_Z (Z.opp a) = - int_of_Z a.
Proof. exact: (raddfN [additive of int_of_Z] a). Qed.

Lemma fraction_eq a b : Qeq a b -> fraction a = fraction b.
Proof.
rewrite /Qeq /fraction => same; apply/eqP; rewrite eqr_div ?denominator_neq0 // -!intrM.
by rewrite -!int_of_ZM same.
Qed.

Lemma fraction_red a : fraction (Qred a) = fraction a.
Proof. exact: fraction_eq (Qred_correct a). Qed.

Lemma fractionD a b : fraction (sum_fraction a b) = fraction a + fraction b.
Proof.
rewrite /sum_fraction fraction_red /fraction addf_div ?denominator_neq0 // -!intrM -intrD.
by rewrite -!int_of_ZM -int_of_ZD.
Qed.

Lemma fractionM a b : fraction (product_fraction a b) = fraction a * fraction b.
Proof.
by rewrite /product_fraction fraction_red /fraction mulf_div -!intrM -!int_of_ZM.
Qed.

Lemma fractionV a : fraction (inverse_fraction a) = (fraction a)^-1.
Proof.
rewrite /inverse_fraction fraction_red /fraction invf_div; case: a => [[|p|p] q].
- by rewrite /= !(mul0r, invr0, mulr0).
- by [].
rewrite -[LHS]/((int_of_Z (Z.opp (Zpos q)))%:~R / (int_of_Z (Zpos p))%:~R).
rewrite -[RHS]/((int_of_Z (Zpos q))%:~R / (int_of_Z (Z.opp (Zpos p)))%:~R).
by rewrite !int_of_ZN !mulrNz invrN mulrN mulNr.
Qed.

Lemma fraction_rectify a : fraction (rectify_fraction a) = rectified (fraction a).
Proof.
rewrite /rectify_fraction /rectified /fraction.
rewrite pmulr_lge0 ?invr_gt0 ?numerator_pos // ler0z.
by case: a => [[|p|p] q]; rewrite /= ?mul0r.
Qed.

Lemma of_ratK c : fraction (of_rat c) = c.
Proof.
have positive : Z.lt 0 (Z_of_int (denq c)) by case: denq (denq_gt0 c) => // k; rewrite /=; lia.
rewrite -[RHS]divq_num_den /fraction.
rewrite -[Qden _]/(Z.to_pos (Z_of_int (denq c))) Z2Pos.id // -[Qnum _]/(Z_of_int (numq c)).
by rewrite !Z_of_intK.
Qed.

Definition fractions p q (A : seq (seq Q)) : 'M[rat]_(p, q) := matrix (Qmake 0 1) fraction p q A.

(* What `predict` computes with fractions; `rows` are those of the explicit matrix. *)
Definition computed d positions rows (w : witness rat_fieldType d) n m X y Q :=
  read_predict positions (Qmake 0 1) (Qmake 1 1) (Qmake (-1) 1) sum_fraction product_fraction
    inverse_fraction rectify_fraction of_rat rows w n m X y Q.

Definition entry_of (rows : seq (seq Q)) i j : rat := fraction (nth (Qmake 0 1) (nth [::] rows i) j).
Definition first_row d rows : 'cV[rat]_d := \col_j entry_of rows 0 j.
Definition all_rows d rows : 'M[rat]_d := \matrix_(i, j) entry_of rows i j.

Theorem predicts d positions rows (w : witness rat_fieldType d) n m X y Q :
  plain (first_row d rows) (all_rows d rows) w ->
  predict rectified positions w (fractions n d X) (fractions n 1 y) (fractions m d Q) =
  fractions m 1 (computed positions rows w n m X y Q).
Proof.
exact: (evaluates positions (erefl : fraction (Qmake 0 1) = 0) (erefl : fraction (Qmake 1 1) = 1)
  (erefl : fraction (Qmake (-1) 1) = -1) fractionD fractionM fractionV fraction_rectify of_ratK
  (erefl (first_row d rows)) (erefl (all_rows d rows))).
Qed.
