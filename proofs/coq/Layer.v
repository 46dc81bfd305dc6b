(* The transformer, as the forward pass computes it.
   Tokens are rows. A stream of p tokens gives every named slot the p x size matrix whose row t
   is what token t holds there. Keys and values are read from the tokens that a head sees: the
   context (the examples), or all tokens. Nothing here depends on n, m or d being numbers. *)
Require Import Prelude.

(* (), (d,), (d, d), and one unit per position *)
Inductive shape := Scalar | Vector | Matrix | Positions.
Inductive attention := Linear | Relu | Normalised (null : bool).
Inductive keys := Context | Full.
Inductive activation := Identity | Rectified.

(* Names in order of first appearance. *)
Fixpoint distinct (names : seq string) : seq string :=
  if names is name :: rest then
    name :: filter (fun other => ~~ String.eqb name other) (distinct rest)
  else [::].

Section Transformer.
Variables (F : fieldType) (relu : F -> F) (d positions : nat).

(* The index patterns of blocks between slots, from the source's shape to the destination's. *)
Inductive pattern : shape -> shape -> Type :=
| Same s : pattern s s                        (* c * I    *)
| RepeatRows : pattern Vector Matrix          (* "ij<-j"  *)
| RepeatColumns : pattern Vector Matrix       (* "ij<-i"  *)
| SumColumns : pattern Matrix Vector          (* "i<-ij"  *)
| SumRows : pattern Matrix Vector             (* "j<-ij"  *)
| Transpose : pattern Matrix Matrix           (* "ij<-ji" *)
| Diagonal : pattern Scalar Matrix            (* "ii<-"   *)
| Repeat : pattern Scalar Vector              (* "i<-"    *)
| Sum : pattern Vector Scalar                 (* "<-i"    *)
| Pick (i : nat) : pattern Positions Scalar   (* slot[i]  *)
| Spread (i : nat) : pattern Positions Vector (* slot[i], "i<-" *)
| Row (w : 'cV[F]_d) : pattern Vector Scalar  (* an explicit matrix with the one row w^T *)
| Apply (A : 'M[F]_d) : pattern Vector Vector. (* an explicit d x d matrix *)

Definition size (s : shape) : nat :=
  match s with Scalar => 1 | Vector => d | Matrix => d * d | Positions => positions end.

Definition stream (p : nat) := forall s : shape, string -> 'M[F]_(p, size s).

(* Token t of a matrix slot holds the d x d matrix `held A t`, row-major. *)
Definition held p (A : 'M[F]_(p, d * d)) (t : 'I_p) : 'M[F]_d := vec_mx (row t A).
Definition holding p (B : 'I_p -> 'M[F]_d) : 'M[F]_(p, d * d) :=
  \matrix_(t, i) mxvec (B t) 0 i.

Definition apply_pattern p s t (pat : pattern s t) : 'M[F]_(p, size s) -> 'M[F]_(p, size t) :=
  match pat in pattern s t return 'M[F]_(p, size s) -> 'M[F]_(p, size t) with
  | Same s => id
  | RepeatRows => fun A => holding (fun t => \matrix_(i, j) A t j)
  | RepeatColumns => fun A => holding (fun t => \matrix_(i, j) A t i)
  | SumColumns => fun A => \matrix_(t, i) \sum_j held A t i j
  | SumRows => fun A => \matrix_(t, j) \sum_i held A t i j
  | Transpose => fun A => holding (fun t => (held A t)^T)
  | Diagonal => fun A => holding (fun t => (A t 0)%:M)
  | Repeat => fun A => \matrix_(t, i) A t 0
  | Sum => fun A => \matrix_(t, i) \sum_j A t j
  | Pick i => fun A => \matrix_(t, _) (if insub i is Some j then A t j else 0)
  | Spread i => fun A => \matrix_(t, _) (if insub i is Some j then A t j else 0)
  | Row w => fun A => A *m w
  | Apply B => fun A => A *m B^T
  end.

(* destination <- coefficient * pattern source *)
Inductive block (t : shape) :=
  Block (destination : string) (coefficient : F) (s : shape) (p : pattern s t) (source : string).

Definition destination t (b : block t) := let: Block name _ _ _ _ := b in name.

Definition move t destination coefficient source : block t :=
  Block destination coefficient (Same t) source.

Record slotmap := SlotMap {
  scalars : seq (block Scalar); vectors : seq (block Vector); matrices : seq (block Matrix);
  positionals : seq (block Positions) }.

Definition blocks (m : slotmap) (t : shape) : seq (block t) :=
  match t with
  | Scalar => scalars m | Vector => vectors m | Matrix => matrices m | Positions => positionals m
  end.

Definition names (m : slotmap) (t : shape) := distinct (map (@destination t) (blocks m t)).

(* The image of a stream under a slot map: zero where the map writes nothing. *)
Fixpoint total p (h : stream p) t (bs : seq (block t)) (name : string) : 'M[F]_(p, size t) :=
  match bs with
  | Block written c _ pat source :: rest =>
      if String.eqb written name then c *: apply_pattern pat (h _ source) + total h rest name
      else total h rest name
  | [::] => 0
  end.

Definition image (m : slotmap) p (h : stream p) : stream p :=
  fun t name => total h (blocks m t) name.

(* query and key map the stream to features of one naming; value maps it to slots. *)
Record head := Head {
  query : slotmap; key : slotmap; value : slotmap;
  weighting : attention; sees : keys; average : bool (* divided by the number of examples *) }.

(* <query_t, key_j>, for a reading token t (row) and a seen token j (column) *)
Definition scores (hd : head) r p (h : stream r) (seen : stream p) : 'M[F]_(r, p) :=
  let feature s name := image (query hd) h s name *m (image (key hd) seen s name)^T in
  let features s := foldr (fun name sum => feature s name + sum) 0 (names (query hd) s) in
  features Scalar + (features Vector + (features Matrix + features Positions)).

Definition weights (a : attention) r p (s : 'M[F]_(r, p)) : 'M[F]_(r, p) :=
  match a with
  | Linear => s
  | Relu => map_mx relu s
  | Normalised null => \matrix_(t, j) (s t j / (\sum_i s t i + null%:R))
  end.

Lemma weights_linear r p (s : 'M_(r, p)) : weights Linear s = s. Proof. by []. Qed.
Lemma weights_relu r p (s : 'M_(r, p)) : weights Relu s = map_mx relu s. Proof. by []. Qed.

(* sum_j weight(<query_t, key_j>) value_j *)
Definition attend (hd : head) n r p (h : stream r) (seen : stream p) : stream r :=
  let w := weights (weighting hd) (scores hd h seen) in
  fun s name => w *m ((if average hd then n%:R^-1 else 1) *: image (value hd) seen s name).

(* stream += outer(activation(inner(stream)) * gate(stream)), token by token *)
Record mlp := Mlp {
  outer : slotmap; inner : option slotmap; gate : option slotmap; applied : activation }.

Definition activate (a : activation) r c (A : 'M[F]_(r, c)) : 'M[F]_(r, c) :=
  if a is Rectified then map_mx relu A else A.

Definition hadamard r c (A B : 'M[F]_(r, c)) : 'M[F]_(r, c) := \matrix_(i, j) (A i j * B i j).

(* Without `inner` the hidden units are the stream itself, activated and gated all the same. *)
Definition hidden (f : mlp) p (h : stream p) : stream p :=
  let units := if inner f is Some m then image m h else h in
  let active := fun s name => activate (applied f) (units s name) in
  if gate f is Some g then fun s name => hadamard (active s name) (image g h s name) else active.

Definition perceive (f : option mlp) p (h : stream p) : stream p :=
  if f is Some f then fun s name => h s name + image (outer f) (hidden f h) s name else h.

Record layer := Layer { heads : seq head; feedforward : option mlp }.

(* Context and query tokens of one prompt. *)
Record tokens n m := Tokens { context : stream n; queries : stream m }.

Definition stack n m (c : stream n) (q : stream m) : stream (n + m) :=
  fun s name => col_mx (c s name) (q s name).

Section Apply.
Variables (examples n m : nat).

(* What the tokens h receive from one head. *)
Definition received (hd : head) (all : tokens n m) r (h : stream r) : stream r :=
  match sees hd with
  | Context => attend hd examples h (context all)
  | Full => attend hd examples h (stack (context all) (queries all))
  end.

Definition residual (hds : seq head) (all : tokens n m) r (h : stream r) : stream r :=
  fun s name => foldl (fun sum hd => sum + received hd all h s name) (h s name) hds.

Definition apply_layer (l : layer) (all : tokens n m) : tokens n m :=
  Tokens (perceive (feedforward l) (residual (heads l) all (context all)))
         (perceive (feedforward l) (residual (heads l) all (queries all))).

Definition run (ls : seq layer) (all : tokens n m) : tokens n m :=
  foldl (fun h l => apply_layer l h) all ls.

Lemma run_cat ls ls' all : run (ls ++ ls') all = run ls' (run ls all).
Proof. exact: foldl_cat. Qed.

(* What one group of layers does to what the tokens hold, k such groups do k times. *)
Lemma repeated T (holds : tokens n m -> T -> Prop) step ls :
  (forall all w, holds all w -> holds (run ls all) (step w)) ->
  forall all w k, holds all w -> holds (run (flatten (nseq k ls)) all) (iter k step w).
Proof.
move=> one all w k start; elim: k => [|k IH] //.
by rewrite -addn1 nseqD flatten_cat run_cat addn1 /= cats0; exact: one IH.
Qed.
End Apply.

(* What the embedding reads of each token: x, also on examples only and on queries only, y, the
   constant 1, its number as `index` and as the one-hot `position`, and whether it is a query or the
   register. There are no others: the writer of witnesses refuses what is not named here. *)
Definition features p (number : 'I_p -> nat) (x : 'M[F]_(p, d)) (y query register : 'cV[F]_p)
    : stream p :=
  fun s => match s return string -> 'M[F]_(p, size s) with
  | Scalar => fun name =>
      if String.eqb name "y" then y
      else if String.eqb name "one" then const_mx 1
      else if String.eqb name "index" then \matrix_(t, _) (number t)%:R
      else if String.eqb name "query" then query
      else if String.eqb name "register" then register else 0
  | Vector => fun name =>
      if String.eqb name "x" then x
      else if String.eqb name "x_example" then \matrix_(t, i) ((1 - query t 0) * x t i)
      else if String.eqb name "x_query" then \matrix_(t, i) (query t 0 * x t i) else 0
  | Matrix => fun _ => 0
  | Positions => fun name =>
      if String.eqb name "position" then \matrix_(t, j) (number t == j)%:R else 0
  end.

(* The tokens of n examples. Joint: (x_1, y_1), (x_2, y_2), ...; interleaved: x_1, y_1, x_2, y_2,
   ..., whose rows are here the n x tokens, then the n y tokens. The order of the rows is of no
   account: attention is a sum over tokens, no head is causal, and where a token stands in the
   prompt is only told by its number. *)
Inductive form := Joint | Interleaved.

Definition example_tokens (f : form) (n : nat) := if f is Interleaved then (n + n)%N else n.

Definition joint_number first {p} (t : 'I_p) : nat := (first + t)%N.

Definition interleaved_number first {n} (t : 'I_(n + n)) : nat :=
  (first + match split t with inl i => i.*2 | inr i => i.*2.+1 end)%N.

(* `register`: one token without an example in front. *)
Record witness := Witness {
  prompt_form : form; register : bool; embedding : slotmap; layers : seq layer;
  readout : string; readout_coefficient : F }.

Definition embed (w : witness) n m (X : 'M_(n, d)) (y : 'cV_n) (Q : 'M_(m, d))
    : tokens (register w + example_tokens (prompt_form w) n) m :=
  let seen p := fun number x y r => image (embedding w) (@features p number x y 0 r) in
  let asked first := image (embedding w) (features (joint_number first) Q 0 (const_mx 1) 0) in
  match prompt_form w as f, register w as r return tokens (r + example_tokens f n) m with
  | Joint, false => Tokens (seen n (joint_number 0) X y 0) (asked n)
  | Joint, true =>
      Tokens (seen (1 + n)%N (joint_number 0) (col_mx 0 X) (col_mx 0 y) (col_mx 1 0)) (asked n.+1)
  | Interleaved, false =>
      Tokens (seen (n + n)%N (interleaved_number 0) (col_mx X 0) (col_mx 0 y) 0) (asked n.*2)
  | Interleaved, true =>
      Tokens
        (seen (1 + (n + n))%N
          (fun t => match split t with inl _ => 0%N | inr u => interleaved_number 1 u end)
          (col_mx 0 (col_mx X 0)) (col_mx 0 (col_mx 0 y)) (col_mx 1 0))
        (asked n.*2.+1)
  end.

(* Prompt (X, y) and queries Q in, one prediction per query out. *)
Definition predict (w : witness) n m (X : 'M_(n, d)) (y : 'cV_n) (Q : 'M_(m, d)) : 'cV[F]_m :=
  readout_coefficient w *: queries (run n (layers w) (embed w X y Q)) Scalar (readout w).

End Transformer.

Arguments Block {F d t} destination coefficient {s} p source.
Arguments move {F d t} destination coefficient source.
Arguments SlotMap {F d}.
Arguments Witness {F d}.
Arguments predict {F} relu {d} positions w {n m}.
Arguments RepeatRows {F d}.
Arguments RepeatColumns {F d}.
Arguments SumColumns {F d}.
Arguments SumRows {F d}.
Arguments Transpose {F d}.
Arguments Diagonal {F d}.
Arguments Repeat {F d}.
Arguments Sum {F d}.
Arguments Pick {F d}.
Arguments Spread {F d}.
Arguments Row {F d}.
Arguments Apply {F d}.

(* Names of slots are written as they are, wherever transformers are spoken of. *)
Open Scope string_scope.

(* What is written from the witnesses, and from the formulas, is unfolded by these names. *)
Create HintDb weights.
Create HintDb formulas.

(* Executes layers on named slots; the operations on matrices stay as they are. *)
Ltac evaluate :=
  autounfold with weights;
  cbv beta iota zeta delta
    [run apply_layer context queries heads feedforward residual received sees attend weighting
     scores average query key value names distinct image blocks total scalars vectors
     matrices positionals destination move apply_pattern perceive outer inner gate applied hidden
     activate embed prompt_form example_tokens joint_number embedding register features layers
     readout readout_coefficient stack
     foldl foldr map filter negb String.eqb Ascii.eqb Bool.eqb size].

Ltac simplify :=
  rewrite ?(weights_linear, weights_relu);
  rewrite ?scale1r ?addr0 ?add0r ?scaler0 ?mulmx0 ?mul0mx ?trmx0 ?addr0 ?add0r.

Ltac execute := evaluate; simplify.

(* Takes apart what tokens are known to hold; puts it in. *)
Ltac known_slots := repeat match goal with
  | known : and3 _ _ _ |- _ => case: known => ? ? ?
  | known : _ /\ _ |- _ => case: known => ? ?
  end.
Ltac put_slots := repeat match goal with known : _ _ _ = _ |- _ => rewrite ?known; clear known end.

(* Forgets the weights of heads that send nothing to the slot: quicker, where there are many. *)
Ltac forget_idle_heads :=
  repeat match goal with
  | |- context [mulmx (weights ?f ?a ?s) (GRing.scale _ (GRing.zero _))] =>
    generalize (weights f a s); intro
  end.
